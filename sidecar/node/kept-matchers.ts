import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../src/platform/clock.ts';
import { hasCode, LeaseholdError } from '../../src/platform/error.ts';
import type { Log } from '../../src/platform/log.ts';
import {
  areTooOld,
  type MatchedJob,
  needsSecrets,
  type RunMatcher,
} from '../../src/platform/run-matchers.ts';
import { createBackoff } from '../backoff.ts';
import { parseJson, readArray, readRecord } from '../deliver/json-shape.ts';
import { replaceFile } from './replace-file.ts';

/**
 * The broker's last word on which runs need secrets, for the time when no broker answers. On the memory filesystem alone, as it is needed there and
 * then: a node that restarts asks anew.
 */
export interface KeptMatchers extends AsyncDisposable {
  /** Whether a grant may deliver something to this job; undefined where no word of a broker's is young enough to tell. */
  mayNeed(job: MatchedJob): Promise<boolean | undefined>;
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
  readonly fetch: (signal: AbortSignal) => Promise<readonly RunMatcher[]>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}): KeptMatchers {
  const { fetch, clock, random, log } = options;
  const path = join(options.root, 'matchers.json');
  const stopping = new AbortController();
  const backoff = createBackoff({ ...retryMs, random });

  /** Milliseconds until the next one. */
  async function renew(): Promise<number> {
    try {
      const matchers = await fetch(stopping.signal);
      const text = encodeMatchers({ received: clock.now(), matchers });
      if (Buffer.byteLength(text) > mostBytes) throw new LeaseholdError('delivery_no_space');
      await replaceFile(path, text, 0o600);
      log.debug('the matchers of runs are renewed', { grants: matchers.length });
      backoff.reset();
      return renewMs * (1 - random() / 2);
    } catch (error) {
      if (!hasCode(error, 'cancelled')) log.warn('the matchers of runs could not be renewed', {}, error);
      return backoff.next();
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
    mayNeed: async (job) => {
      const kept = await readFile(path).then(decodeMatchers, () => undefined);
      if (kept === undefined || areTooOld(kept, clock.now())) return undefined;
      return needsSecrets(job, kept);
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

interface Dated {
  /** Milliseconds since the Unix epoch. */
  readonly received: number;
  readonly matchers: readonly RunMatcher[];
}

const version = 1;

export function encodeMatchers({ received, matchers }: Dated): string {
  return `${JSON.stringify({ version, received, matchers })}\n`;
}

/** Undefined for anything that this version has not written itself. */
export function decodeMatchers(bytes: Uint8Array): Dated | undefined {
  const found = readRecord(parseJson(bytes));
  const received = found?.['received'];
  const matchers = readArray(found?.['matchers'], readMatcher);
  if (found?.['version'] !== version || typeof received !== 'number' || matchers === undefined)
    return undefined;
  return { received, matchers };
}

function readMatcher(value: unknown): RunMatcher | undefined {
  const found = readRecord(value);
  const list = (key: keyof RunMatcher) =>
    readArray(found?.[key], (text) => (typeof text === 'string' ? text : undefined));
  const [users, groups, partitions] = [list('users'), list('groups'), list('partitions')];
  const [accounts, qos] = [list('accounts'), list('qos')];
  // Earlier versions kept neither of these, which matches more.
  const nodes = found?.['nodes'] === undefined ? [] : list('nodes');
  const array = found?.['array'];
  // A list that is lost would match more, but one that is wrong is no word of a broker's at all.
  if (users === undefined || groups === undefined || partitions === undefined) return undefined;
  if (accounts === undefined || qos === undefined || nodes === undefined) return undefined;
  if (array !== undefined && typeof array !== 'boolean') return undefined;
  return { users, groups, partitions, accounts, qos, nodes, ...(array === undefined ? {} : { array }) };
}
