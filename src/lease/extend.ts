import type { LeaseSet } from '../ledger/ledger.ts';
import { hasCode, LeaseholdError } from '../platform/error.ts';
import type { Parts } from './parts.ts';

/** What a renewal of token and leases came to. */
export interface Extension {
  /** Soonest end of all of them, milliseconds since the Unix epoch. */
  readonly expiresAt: number;
  /** What each one that was renewed got. */
  readonly credentials: readonly { readonly id: string; readonly expiresAt: number }[];
  /** Some credential got clearly less than was asked for: its own maximum is near, or it cannot be renewed. */
  readonly nearMaximum: boolean;
  /** Some credential is not there any more. */
  readonly lost: boolean;
}

/** The backend's clock is known to the second, and from below. */
const clockSlackMs = 1_000;

/** Of one credential. */
type Renewed =
  | { readonly outcome: 'renewed'; readonly expiresAt: number }
  | { readonly outcome: 'lost' }
  | { readonly outcome: 'failed'; readonly error: unknown };

/**
 * Renews a lease set to its working ttl, all of it at once: an engine that is down or slow keeps nothing else waiting. Never past the deadline: an
 * explicit maximum in the token is not enforced on renewal, and a lease's ttl is independent of its token's, so each renewal asks for at most what is
 * left. Throws what the first credential that could not be renewed failed with, after all of them have ended; `cancelled` at once.
 */
export async function extend(
  parts: Pick<Parts, 'backend' | 'pathSlots' | 'reach' | 'signal'>,
  options: { readonly leaseSet: LeaseSet; readonly ttlSeconds: number; readonly deadlineAt: number },
): Promise<Extension> {
  const { leaseSet, deadlineAt } = options;
  const now = parts.backend.now();
  const left = deadlineAt - now - clockSlackMs;
  const incrementSeconds = Math.min(options.ttlSeconds, Math.floor(left / 1000));
  if (incrementSeconds < 1)
    return { expiresAt: deadlineAt, credentials: [], nearMaximum: false, lost: false };
  const renewing = leaseSet.credentials
    .filter(({ renewable }) => renewable)
    .map(async (credential) => ({
      id: credential.id,
      ...(await renewOne(parts, { credential, leaseSet: leaseSet.id, incrementSeconds, now })),
    }));
  const ended = await Promise.all(renewing);
  const credentials = ended.flatMap((one) =>
    one.outcome === 'renewed' ? [{ id: one.id, expiresAt: one.expiresAt }] : [],
  );
  if (ended.some(({ outcome }) => outcome === 'lost'))
    return { expiresAt: now, credentials, nearMaximum: false, lost: true };
  for (const one of ended) if (one.outcome === 'failed') throw LeaseholdError.from(one.error);
  const kept = leaseSet.credentials.filter(({ renewable }) => !renewable);
  const shortMs = (incrementSeconds * 1000) / 2;
  return {
    expiresAt: Math.min(deadlineAt, ...[...credentials, ...kept].map(({ expiresAt }) => expiresAt)),
    credentials,
    nearMaximum: [...credentials, ...kept].some(({ expiresAt }) => expiresAt - now < shortMs),
    lost: false,
  };
}

async function renewOne(
  parts: Pick<Parts, 'backend' | 'pathSlots' | 'reach' | 'signal'>,
  options: {
    readonly credential: LeaseSet['credentials'][number];
    readonly leaseSet: string;
    readonly incrementSeconds: number;
    readonly now: number;
  },
): Promise<Renewed> {
  const { backend, signal } = parts;
  const { credential, incrementSeconds, now } = options;
  const { kind, reference } = credential;
  const slot = parts.pathSlots.enter('renew', credential.path);
  try {
    const { ttlSeconds } =
      kind === 'token'
        ? await backend.renewToken({ accessor: reference, incrementSeconds, signal })
        : await backend.renewLease({ leaseId: reference, incrementSeconds, signal });
    await parts.reach(kind === 'token' ? 'renewal.token' : 'renewal.lease', options.leaseSet);
    return { outcome: 'renewed', expiresAt: now + ttlSeconds * 1000 };
  } catch (error) {
    // Whoever is going down has nothing to say of the others.
    if (hasCode(error, 'cancelled')) throw error;
    return hasCode(error, 'backend_not_found') ? { outcome: 'lost' } : { outcome: 'failed', error };
  } finally {
    slot.leave();
  }
}

/** Shortest time to the next renewal: a credential that has less left is replaced, not renewed to death. */
const soonestMs = 500;

/** Two thirds of what is left, with a tenth of jitter either way so that sessions made together drift apart. */
export function renewAt(now: number, expiresAt: number, random: () => number): number {
  const left = Math.max(0, expiresAt - now);
  return Math.round(now + Math.max(soonestMs, left * (0.6 + random() * 0.133)));
}
