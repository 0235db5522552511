import type { Clock } from '../platform/clock.ts';
import { LeaseholdError } from '../platform/error.ts';
import type { Log } from '../platform/log.ts';
import { unlessAborted } from './abort.ts';
import type { IdentityEvents } from './identity-events.ts';
import { parseJwks } from './jwks.ts';
import type { VerificationKey, VerificationKeys } from './jwks.ts';

/** Reads the bytes of a JWK set: a file, a URL, the API server. Keeps no state. */
export type LoadJwks = (signal: AbortSignal) => Promise<Uint8Array>;

/** The signing keys of one cluster. */
export interface KeySet {
  /**
   * The key with this id. An id we do not know may cause one load for all who ask, and none within the cool-down after
   * it, so a flood of invented ids costs nothing. Throws `credential_unknown_key`, or `identity_unavailable` when no keys
   * could be read yet.
   */
  find(keyId: string, signal: AbortSignal): Promise<VerificationKey>;
  /** Resolves when keys have been read once; reads them now if nobody does, and goes on trying until then. */
  ready(): Promise<void>;
  /** How many keys are held. */
  size(): number;
  close(): void;
}

export interface KeySetOptions {
  readonly cluster: string;
  readonly load: LoadJwks;
  readonly clock: Clock;
  readonly log: Log;
  readonly events: IdentityEvents;
  /** Shortest time between two loads caused by unknown ids. */
  readonly cooldownMs: number;
  /** The set is read again this often, so that a key the cluster withdrew stops counting. */
  readonly refreshMs: number;
}

/** While there are no keys at all, nobody can be verified: try again soon. */
const firstRetryMs = 2_000;

export function createKeySet(options: KeySetOptions): KeySet {
  const { cluster, load, clock, log, events, cooldownMs, refreshMs } = options;
  const lifetime = new AbortController();
  const firstRead = Promise.withResolvers<undefined>();
  let keys: VerificationKeys = new Map();
  let lastLoadAt = Number.NEGATIVE_INFINITY;
  let loading: Promise<void> | undefined;
  let cancelRefresh: () => void = () => undefined;

  const loadOnce = async () => {
    lastLoadAt = clock.monotonic();
    cancelRefresh();
    try {
      keys = parseJwks(await load(lifetime.signal));
      firstRead.resolve(undefined);
      events.keysFetched(cluster, 'ok');
    } catch (error) {
      // The old keys stay: an unreachable JWKS must not lock every workload out. Logged here, once for all who wait.
      events.keysFetched(cluster, 'failed');
      if (!lifetime.signal.aborted) log.warn('signing keys not read, the old ones stay', { cluster }, error);
    } finally {
      if (!lifetime.signal.aborted)
        cancelRefresh = clock.after(keys.size > 0 ? refreshMs : firstRetryMs, refresh);
    }
  };

  const reload = () =>
    (loading ??= loadOnce().finally(() => {
      loading = undefined;
    }));
  const refresh = () => void reload();

  return {
    find: async (keyId, signal) => {
      const known = keys.get(keyId);
      if (known !== undefined) return known;
      // Who asks while a load is under way waits for it; a new one starts only outside the cool-down.
      if (loading !== undefined || clock.monotonic() - lastLoadAt >= cooldownMs)
        await unlessAborted(reload(), signal);
      const found = keys.get(keyId);
      if (found !== undefined) return found;
      if (keys.size > 0) throw new LeaseholdError('credential_unknown_key');
      throw new LeaseholdError('identity_unavailable', {
        detail: 'no signing keys yet',
        retryAfterMs: firstRetryMs,
      });
    },
    ready: async () => {
      if (keys.size === 0) void reload();
      await firstRead.promise;
    },
    size: () => keys.size,
    close: () => {
      lifetime.abort();
      cancelRefresh();
    },
  };
}
