import type { LeaseSet, Session } from '../ledger/ledger.ts';
import { hasCode } from '../platform/error.ts';
import type { Bundle } from '../policy/bundle.ts';
import { extend } from './extend.ts';
import type { Parts } from './parts.ts';

/** Kept before the credentials' own end, so that the revocation is still ours. */
const marginMs = 5_000;

/**
 * Until when the credentials that are being replaced stay: the bundle's overlap from now on, but no longer than they live. They are not renewed
 * any more once they retire, so this is the last moment to give them the time that the holder is promised.
 */
export async function overlapEnd(
  parts: Parts,
  options: { readonly session: Session; readonly leaseSet: LeaseSet; readonly bundle: Bundle },
): Promise<number> {
  const { bundle, session } = options;
  const wanted = () => parts.backend.now() + bundle.overlapSeconds * 1000;
  const leaseSet = (await parts.ledger.findLeaseSet(options.leaseSet.id)) ?? options.leaseSet;
  let { expiresAt } = leaseSet;
  if (expiresAt - marginMs < wanted()) {
    const extended = await prolong(parts, { leaseSet, bundle, deadlineAt: session.deadlineAt });
    expiresAt = extended ?? expiresAt;
  }
  return Math.round(Math.max(parts.backend.now(), Math.min(wanted(), expiresAt - marginMs)));
}

/**
 * For a retiring set whose time is over: when to look again, where a holder that is attached here was never sent what replaces it (its delivery
 * could not be recorded); undefined when it may go.
 */
export async function retireLater(parts: Parts, leaseSet: LeaseSet): Promise<number | undefined> {
  const session = await parts.ledger.findSession(leaseSet.session);
  if (session?.state !== 'active') return undefined;
  const bundle = parts.policy.bundle(session.bundle);
  const isOwed = parts.hub
    .attachedTo(session.id)
    .some(({ sent }) => sent.get(session.id) !== session.generation.id);
  if (!isOwed || bundle === undefined) return undefined;
  const now = parts.backend.now();
  const expiresAt = await prolong(parts, { leaseSet, bundle, deadlineAt: session.deadlineAt });
  const lastAt = (expiresAt ?? leaseSet.expiresAt) - marginMs;
  return lastAt <= now ? undefined : Math.min(lastAt, now + parts.settings.retryMaxMs);
}

/** Undefined when it could not be done: then the end on record stands. */
async function prolong(
  parts: Parts,
  options: { readonly leaseSet: LeaseSet; readonly bundle: Bundle; readonly deadlineAt: number },
): Promise<number | undefined> {
  const { leaseSet, bundle, deadlineAt } = options;
  try {
    const extension = await extend(parts, { leaseSet, ttlSeconds: bundle.ttlSeconds, deadlineAt });
    const { expiresAt, credentials } = extension;
    await parts.ledger.recordRenewal({
      leaseSet: leaseSet.id,
      expiresAt,
      credentials,
      work: [],
      at: parts.backend.now(),
    });
    return expiresAt;
  } catch (error) {
    if (!hasCode(error, 'ledger_conflict'))
      parts.log.warn('credentials that are being replaced could not be prolonged', {}, error);
    return undefined;
  }
}
