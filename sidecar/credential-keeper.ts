import type { Clock } from '../src/platform/clock.ts';
import type { Log } from '../src/platform/log.ts';
import type { Secret } from '../src/platform/secret.ts';
import { readTokenFile } from './token-file.ts';

/** Shows the broker a newer token of the same workload before the one it knows has expired. */
export interface CredentialKeeper {
  /** When the credential that was shown last ends, by the broker's word; milliseconds since the Unix epoch. */
  expiresAt(at: number): void;
  /** The broker wants one now, whether the file has changed or not. */
  sendNow(): void;
  close(): void;
}

/** The kubelet writes a new token when 80 % of the old one's life is over; looking ten times in a life sees it in time. */
const looksPerLife = 10;
const lookMs = { least: 1_000, most: 30_000 };

export function createCredentialKeeper(options: {
  readonly tokenFile: string;
  /** Digest of the token that the stream was opened with. */
  readonly shown: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly send: (credential: Secret) => void;
}): CredentialKeeper {
  const { clock, log } = options;
  let shown = options.shown;
  let isClosed = false;
  let cancel: () => void = () => undefined;
  let everyMs: number = lookMs.most;

  const look = async (isWanted: boolean): Promise<void> => {
    try {
      const { token, digest } = await readTokenFile(options.tokenFile);
      if (isClosed || (digest === shown && !isWanted)) return;
      shown = digest;
      options.send(token);
      log.debug('showed the broker the token of the file', { isWanted });
    } catch (error) {
      log.warn('the token cannot be read', {}, error);
    }
  };
  const schedule = () => {
    cancel();
    if (isClosed) return;
    cancel = clock.after(everyMs, () => void look(false).then(schedule));
  };
  schedule();

  return {
    expiresAt: (at) => {
      const lifeMs = at - clock.now();
      everyMs = Math.min(lookMs.most, Math.max(lookMs.least, lifeMs / looksPerLife));
      schedule();
    },
    sendNow: () => void look(true),
    close: () => {
      isClosed = true;
      cancel();
    },
  };
}
