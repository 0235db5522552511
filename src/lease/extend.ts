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

/**
 * Renews a lease set to its working ttl, never past the deadline: an explicit maximum in the token is not enforced on renewal, and a
 * lease's ttl is independent of its token's, so each renewal asks for at most what is left.
 */
export async function extend(
  parts: Pick<Parts, 'backend' | 'pathSlots' | 'reach' | 'signal'>,
  options: { readonly leaseSet: LeaseSet; readonly ttlSeconds: number; readonly deadlineAt: number },
): Promise<Extension> {
  const { backend } = parts;
  let expiresAt = options.deadlineAt;
  let nearMaximum = false;
  let failure: unknown;
  const credentials: { readonly id: string; readonly expiresAt: number }[] = [];
  for (const credential of options.leaseSet.credentials) {
    const now = backend.now();
    const left = options.deadlineAt - now - clockSlackMs;
    const incrementSeconds = Math.min(options.ttlSeconds, Math.floor(left / 1000));
    if (incrementSeconds < 1)
      return { expiresAt: options.deadlineAt, credentials, nearMaximum: false, lost: false };
    if (!credential.renewable) {
      expiresAt = Math.min(expiresAt, credential.expiresAt);
      nearMaximum ||= credential.expiresAt - now < (incrementSeconds * 1000) / 2;
      continue;
    }
    const slot = parts.pathSlots.enter('renew', credential.path);
    try {
      const { ttlSeconds } =
        credential.kind === 'token'
          ? await backend.renewToken({
              accessor: credential.reference,
              incrementSeconds,
              signal: parts.signal,
            })
          : await backend.renewLease({
              leaseId: credential.reference,
              incrementSeconds,
              signal: parts.signal,
            });
      const endsAt = now + ttlSeconds * 1000;
      credentials.push({ id: credential.id, expiresAt: endsAt });
      expiresAt = Math.min(expiresAt, endsAt);
      nearMaximum ||= ttlSeconds < incrementSeconds / 2;
      await parts.reach(credential.kind === 'token' ? 'renewal.token' : 'renewal.lease', options.leaseSet.id);
    } catch (error) {
      if (hasCode(error, 'backend_not_found'))
        return { expiresAt: now, credentials, nearMaximum: false, lost: true };
      if (hasCode(error, 'cancelled')) throw error;
      // The others do not wait for an engine that is down.
      failure ??= error;
    } finally {
      slot.leave();
    }
  }
  if (failure !== undefined) throw LeaseholdError.from(failure);
  return { expiresAt, credentials, nearMaximum, lost: false };
}

/** Shortest time to the next renewal: a credential that has less left is replaced, not renewed to death. */
const soonestMs = 500;

/** Two thirds of what is left, with a tenth of jitter either way so that sessions made together drift apart. */
export function renewAt(now: number, expiresAt: number, random: () => number): number {
  const left = Math.max(0, expiresAt - now);
  return Math.round(now + Math.max(soonestMs, left * (0.6 + random() * 0.133)));
}
