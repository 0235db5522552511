import type { Admission } from '../backend/admission.ts';
import type { Backend } from '../backend/backend.ts';
import type { Clock } from '../platform/clock.ts';
import { LeaseholdError } from '../platform/error.ts';
import type { Log } from '../platform/log.ts';
import type { Secret } from '../platform/secret.ts';
import { isDeepStrictEqual } from 'node:util';
import type { Bundle, SecretSource } from '../policy/bundle.ts';
import type { SecretFields } from './owned-values.ts';

/** One reading of all static secrets of a bundle. */
export interface StaticSnapshot {
  /** Differs exactly when the content does, within one run of the broker. */
  readonly id: number;
  /** Backend versions, for comparing with what an earlier run delivered; empty when one of the engines has none. */
  readonly versions: string;
  readonly fields: SecretFields;
}

/**
 * Static secrets, read with one short token per reading and shared between workloads; who may have them is decided for each
 * delivery elsewhere. Values live in memory while the bundle is in use, and for one refresh interval after a reading.
 */
export interface StaticSecrets {
  /** The snapshot in force, at most the bundle's refresh interval old; concurrent callers share one reading. */
  current(bundle: Bundle, options: { readonly signal: AbortSignal }): Promise<StaticSnapshot>;
  /** Reads again whatever the age. */
  refresh(bundle: Bundle, options: { readonly signal: AbortSignal }): Promise<StaticSnapshot>;
  /** What is in memory, whatever its age. */
  peek(bundle: Bundle): StaticSnapshot | undefined;
  /** Drops what is neither in use nor fresh nor being read. */
  retain(isInUse: (bundle: string) => boolean): void;
}

interface Entry {
  readonly sources: readonly SecretSource[];
  readonly tokenRole: string;
  readonly refreshMs: number;
  snapshot: StaticSnapshot | undefined;
  readAt: number;
  reading: Promise<StaticSnapshot> | undefined;
}

export function createStaticSecrets(options: {
  readonly backend: Backend;
  readonly admission: Admission;
  readonly clock: Clock;
  readonly log: Log;
  readonly randomId: (prefix: string) => string;
  readonly signal: AbortSignal;
}): StaticSecrets {
  const entries = new Map<string, Entry>();
  let lastId = 0;

  const entryOf = (bundle: Bundle): Entry => {
    const sources = bundle.secrets.filter((secret) => secret.kind === 'static');
    const found = entries.get(bundle.name);
    // A policy reload may point the same bundle at other paths: their values are another bundle's.
    if (
      found !== undefined &&
      found.tokenRole === bundle.tokenRole &&
      isDeepStrictEqual(found.sources, sources)
    )
      return found;
    const entry: Entry = {
      sources,
      tokenRole: bundle.tokenRole,
      refreshMs: bundle.refreshSeconds * 1000,
      snapshot: undefined,
      readAt: -Infinity,
      reading: undefined,
    };
    entries.set(bundle.name, entry);
    return entry;
  };

  const readAll = async (bundle: Bundle, entry: Entry): Promise<StaticSnapshot> => {
    const { token, accessor } = await options.backend.createToken({
      tokenRole: bundle.tokenRole,
      intent: options.randomId('read_'),
      signal: options.signal,
    });
    try {
      const fields = new Map<string, ReadonlyMap<string, Secret>>();
      const versions: string[] = [];
      for (const source of entry.sources) {
        const secret = await options.backend.read({ token, source, signal: options.signal });
        if (secret.lease !== undefined) {
          // Revoking the token below ends that lease too.
          throw new LeaseholdError('backend_reply_invalid', {
            detail: `secret ${source.name} of bundle ${bundle.name} is configured as static but its engine made a lease`,
          });
        }
        fields.set(source.name, secret.fields);
        versions.push(secret.version);
      }
      const before = entry.snapshot;
      if (before !== undefined && sameFields(before.fields, fields)) return before;
      lastId += 1;
      return {
        id: lastId,
        versions: versions.includes('') ? '' : versions.join(' '),
        fields,
      };
    } finally {
      token.wipe();
      // The token dies by itself within its probation, so a failure here leaves nothing behind.
      options.backend.revokeToken({ accessor, signal: options.signal }).catch((error: unknown) => {
        options.log.debug('token of a static reading was left to expire', { bundle: bundle.name }, error);
      });
    }
  };

  const read = (bundle: Bundle, entry: Entry): Promise<StaticSnapshot> => {
    entry.reading ??= options.admission
      .run(bundle.name, () => readAll(bundle, entry), { signal: options.signal })
      .then((snapshot) => {
        entry.snapshot = snapshot;
        entry.readAt = options.clock.monotonic();
        return snapshot;
      })
      .finally(() => {
        entry.reading = undefined;
      });
    return entry.reading;
  };

  const readFor = async (bundle: Bundle, entry: Entry, signal: AbortSignal): Promise<StaticSnapshot> => {
    // Before the reading begins: one that fails with nobody waiting for it would end the process.
    if (signal.aborted) throw new LeaseholdError('cancelled');
    // The reading is shared: one caller that leaves must not end it for the others.
    const left = Promise.withResolvers<never>();
    const onAbort = () => left.reject(new LeaseholdError('cancelled'));
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await Promise.race([read(bundle, entry), left.promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  };

  return {
    current: async (bundle, { signal }) => {
      const entry = entryOf(bundle);
      const fresh = options.clock.monotonic() - entry.readAt < bundle.refreshSeconds * 1000;
      if (fresh && entry.snapshot !== undefined) return entry.snapshot;
      return readFor(bundle, entry, signal);
    },
    refresh: (bundle, { signal }) => readFor(bundle, entryOf(bundle), signal),
    peek: (bundle) => (entries.has(bundle.name) ? entryOf(bundle).snapshot : undefined),
    retain: (isInUse) => {
      for (const [name, entry] of entries) {
        const isFresh = options.clock.monotonic() - entry.readAt < entry.refreshMs;
        if (!isInUse(name) && !isFresh && entry.reading === undefined) entries.delete(name);
      }
    },
  };
}

function sameFields(a: SecretFields, b: SecretFields): boolean {
  if (a.size !== b.size) return false;
  for (const [name, fields] of a) {
    const other = b.get(name);
    if (other?.size !== fields.size) return false;
    for (const [field, secret] of fields) {
      const twin = other.get(field);
      if (twin === undefined || Buffer.compare(secret.open(), twin.open()) !== 0) return false;
    }
  }
  return true;
}
