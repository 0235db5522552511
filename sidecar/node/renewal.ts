import type { Clock } from '../../src/platform/clock.ts';
import type { Log } from '../../src/platform/log.ts';
import type { NodeCertificate } from './certificate.ts';

/** Notices that the certificate's files were replaced, with one timer for all runs. */
export interface Renewal {
  /** The files as they are now. Throws as `readNodeCertificate` does. */
  read(): Promise<NodeCertificate>;
  /** Looks at once: the broker asks for a newer one, or there may be one. Never rejects. */
  look(): Promise<void>;
  close(): void;
}

/** A file that is renewed when two thirds of its life are over is seen with most of the rest to go; rarely, for ticks disturb jobs. */
const looksPerLife = 12;
const lookMs = { least: 10_000, most: 1_800_000 };

export function createRenewal(options: {
  /** Given what came of it the last time. */
  readonly read: (last: NodeCertificate | undefined) => Promise<NodeCertificate>;
  readonly clock: Clock;
  readonly log: Log;
  /** There is another one, or one after there was none: streams are to be opened anew. */
  readonly onRenewed: () => void;
}): Renewal {
  const { clock, log } = options;
  let known: NodeCertificate | undefined;
  let isClosed = false;
  /** Said once, however often it is looked for. */
  let isMissed = false;
  let cancel: () => void = () => undefined;

  const read = async (last = known): Promise<NodeCertificate> => {
    const found = await options.read(last);
    const before = known;
    known = found;
    const isOther = before !== undefined && before.digest !== found.digest;
    const isFirst = before === undefined && isMissed;
    isMissed = false;
    if ((isOther || isFirst) && !isClosed) {
      log.info(isFirst ? 'this node has a certificate now' : 'the certificate of this node was renewed');
      options.onRenewed();
    }
    schedule();
    return found;
  };
  const look = async (): Promise<void> => {
    try {
      // Also where they look as they did: what `stat` says of files on another machine may be of a minute ago.
      await read(known && { ...known, looks: undefined });
    } catch (error) {
      if (!isMissed) log.error('the certificate of this node cannot be read', {}, error);
      isMissed = true;
      schedule();
    }
  };
  function schedule(): void {
    cancel();
    if (isClosed) return;
    const leftMs = (known?.expiresAt ?? 0) - clock.now();
    cancel = clock.after(
      Math.min(lookMs.most, Math.max(lookMs.least, leftMs / looksPerLife)),
      () => void look(),
    );
  }

  return {
    read: () => read(),
    look,
    close: () => {
      isClosed = true;
      cancel();
    },
  };
}
