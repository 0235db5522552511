import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Log } from '../platform/log.ts';
import { encodeHeadLine, type SignedHead } from './signed-head.ts';

/** Where signed heads are put besides the chain, to be shipped to a place that the broker's machine cannot write. */
export interface HeadsFile {
  /**
   * Takes it in turn; never throws. The next head vouches for the same records, so a lost one is not tried again, and while the folder hangs
   * the newest ones are enough.
   */
  add(head: SignedHead): void;
  /** Resolves when everything added is written or given up. A folder that hangs is waited for: the caller has the deadline. */
  close(): Promise<void>;
}

/** As many as a burst of records may bring. */
const mostWaiting = 100;

/** The file is opened anew for each head, so that whoever ships it may move it away at any time. */
export function createHeadsFile(options: {
  readonly path: string;
  readonly log: Log;
  readonly onFailure: () => void;
}): HeadsFile {
  const { path, log } = options;
  const waiting: SignedHead[] = [];
  let writing: Promise<void> | undefined;
  const append = async (head: SignedHead): Promise<void> => {
    try {
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW;
      await using file = await open(path, flags, 0o600);
      await file.appendFile(`${encodeHeadLine(head)}\n`);
      await file.datasync();
    } catch (error) {
      options.onFailure();
      log.error('a signed head of the audit chain could not be put into its file', { seq: head.seq }, error);
    }
  };
  const writeAll = async (): Promise<void> => {
    for (let head = waiting.shift(); head !== undefined; head = waiting.shift()) await append(head);
    writing = undefined;
  };
  return {
    add: (head) => {
      waiting.push(head);
      if (waiting.length > mostWaiting) {
        waiting.shift();
        options.onFailure();
      }
      writing ??= writeAll();
    },
    close: () => writing ?? Promise.resolve(),
  };
}
