import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../src/platform/clock.ts';
import { hasCode, LeaseholdError } from '../../src/platform/error.ts';
import type { Log } from '../../src/platform/log.ts';
import { areOutOfDate, type DatedMatchers, needsSecrets } from '../../src/platform/run-matchers.ts';
import type { ServerTrust } from '../../src/platform/server-chain.ts';
import {
  acceptMatchers,
  decodeSigned,
  encodeSigned,
  type MatchersAnswer,
  openMatchers,
} from '../../src/rpc/client/signed-matchers.ts';
import { createBackoff } from '../backoff.ts';
import { orMissing } from '../deliver/file-system.ts';
import { replaceFile } from './replace-file.ts';
import type { SeenJob } from './seen-job.ts';

/**
 * The broker's last word on which runs need secrets, for the time when no broker answers. On the memory filesystem alone, as it is needed there and
 * then: a node that restarts asks anew. It is kept with the broker's signature, and read as if anybody had put it there.
 */
export interface KeptMatchers extends AsyncDisposable {
  /** Whether a grant may deliver something to this job; undefined where no word of a broker's is young enough to tell. */
  mayNeed(job: Pick<SeenJob, 'cluster' | 'facts'>): Promise<boolean | undefined>;
  /** Asks at once: what kept a broker from being asked may be over. */
  ask(): void;
}

/** Rarely: each look is a connection of its own, on every node of a cluster. */
const renewMs = 1_800_000;
const retryMs = { firstMs: 5_000, capMs: 300_000 };
/** Markers of jobs have their place beside it. */
const mostBytes = 2 * 1024 * 1024;

export function keepMatchers(options: {
  readonly root: string;
  /** The first answer that is accepted; another broker may have one where one has not. */
  readonly fetch: (
    signal: AbortSignal,
    accept: (answer: MatchersAnswer) => Promise<DatedMatchers>,
  ) => Promise<DatedMatchers>;
  /** By the files of now. */
  readonly trust: () => Promise<ServerTrust>;
  /** Of this node; undefined before its certificate has told. */
  readonly cluster: () => string | undefined;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}): KeptMatchers {
  const { clock, random, log } = options;
  const path = join(options.root, 'matchers.json');
  const stopping = new AbortController();
  const backoff = createBackoff({ ...retryMs, random });
  /** An older broker's word, which nothing vouches for once the connection is gone. */
  let unsigned: DatedMatchers | undefined;
  let isRefused = false;

  async function accept({ signed, matchers }: MatchersAnswer): Promise<DatedMatchers> {
    if (signed === undefined) {
      // slurmd may wait for the file, and a node must not stay down for its broker's age.
      if ((await orMissing(lstat(path))) === undefined) await replaceFile(path, '{}\n', 0o600);
      unsigned = { issuedAt: clock.now(), matchers };
      return unsigned;
    }
    const cluster = options.cluster();
    if (cluster === undefined) throw new LeaseholdError('config_invalid');
    const opened = acceptMatchers(signed, { ...(await options.trust()), cluster, now: clock.now() });
    const text = encodeSigned(signed);
    if (Buffer.byteLength(text) > mostBytes) throw new LeaseholdError('delivery_no_space');
    await replaceFile(path, text, 0o600);
    unsigned = undefined;
    return opened;
  }

  /** Milliseconds until the next one. */
  async function renew(): Promise<number> {
    try {
      const { matchers } = await options.fetch(stopping.signal, accept);
      log.debug('the matchers of runs are renewed', { grants: matchers.length });
      isRefused = false;
      backoff.reset();
      return renewMs * (1 - random() / 2);
    } catch (error) {
      if (!hasCode(error, 'cancelled')) log.warn('the matchers of runs could not be renewed', {}, error);
      return backoff.next();
    }
  }

  async function read(cluster: string): Promise<DatedMatchers | undefined> {
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text === undefined) return undefined;
    try {
      return openMatchers(decodeSigned(text), { ...(await options.trust()), cluster });
    } catch (error) {
      // Once, not for each job.
      if (!isRefused)
        log.error(
          "the matchers of runs that are kept here are not a broker's for this cluster, and count as none until one answers: see broker.ca, or who writes there",
          { file: path },
          error,
        );
      isRefused = true;
      return undefined;
    }
  }

  let wake = new AbortController();
  const renewing = (async () => {
    while (!stopping.signal.aborted) {
      wake = new AbortController();
      const pauseMs = await renew();
      await clock.sleep(pauseMs, AbortSignal.any([stopping.signal, wake.signal])).catch(() => undefined);
    }
  })();

  return {
    mayNeed: async ({ cluster, facts }) => {
      const word = unsigned ?? (await read(cluster));
      if (word === undefined || areOutOfDate(word, clock.now())) return undefined;
      return needsSecrets(facts, word);
    },
    ask: () => {
      backoff.reset();
      wake.abort();
    },
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      await renewing;
    },
  };
}
