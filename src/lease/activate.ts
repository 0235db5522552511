import type { NewWork, Session } from '../ledger/ledger.ts';
import { LeaseholdError } from '../platform/error.ts';
import type { Bundle } from '../policy/bundle.ts';
import { leaseSetFacts, sessionFacts } from './audit-facts.ts';
import { extend, renewAt } from './extend.ts';
import type { Issued } from './issue.ts';
import type { Parts } from './parts.ts';

/**
 * Step 6: the lease set becomes the session's current one, then gets its working ttl, then is audited. Only after this may
 * anybody see its values. Throws `ledger_conflict` when the session was revoked in the meantime, `audit_unavailable` when
 * there is no record; the caller revokes.
 */
export async function activate(
  parts: Parts,
  options: {
    readonly session: Session;
    readonly bundle: Bundle;
    readonly issued: Issued;
    readonly versions: string;
    readonly retireAt: number;
    readonly action: 'issue' | 'rotate';
  },
): Promise<Session> {
  const { ledger, backend } = parts;
  const { bundle, issued } = options;
  const at = backend.now();
  const activated = await ledger.activate({
    session: options.session.id,
    leaseSet: { id: issued.leaseSet, expiresAt: issued.expiresAt },
    generation: { id: parts.randomId('gen_'), versions: options.versions },
    retireAt: options.retireAt,
    // Should the process die before the renewal below, whoever takes over still finds it in time.
    work: [
      { kind: 'renew', subject: issued.leaseSet, dueAt: renewAt(at, issued.expiresAt, parts.random) },
      ...rotationWork(parts, options.session, bundle, at),
    ],
    at,
  });
  await parts.reach('lease_set.activated', issued.leaseSet);
  const leaseSet = activated.leaseSets.find(({ id }) => id === issued.leaseSet);
  if (leaseSet === undefined) throw new LeaseholdError('ledger_conflict');
  const extension = await extend(parts, {
    leaseSet,
    ttlSeconds: bundle.ttlSeconds,
    deadlineAt: activated.deadlineAt,
  });
  if (extension.lost) throw new LeaseholdError('backend_not_found');
  await ledger.recordRenewal({
    leaseSet: issued.leaseSet,
    expiresAt: extension.expiresAt,
    work: [
      {
        kind: 'renew',
        subject: issued.leaseSet,
        dueAt: renewAt(backend.now(), extension.expiresAt, parts.random),
      },
    ],
    at: backend.now(),
  });
  await parts.reach('lease_set.extended', issued.leaseSet);
  await parts.audit.record({
    action: options.action,
    outcome: 'ok',
    ...sessionFacts(activated),
    ...leaseSetFacts(leaseSet, parts.audit),
    generation: activated.generation.id,
  });
  await parts.reach('issue.audited', issued.leaseSet);
  parts.events.changed(activated.id);
  return activated;
}

/** The bundle's own rotation interval, spread by a tenth, unless the deadline comes first anyway. */
export function rotationWork(
  parts: Pick<Parts, 'random'>,
  session: Pick<Session, 'id' | 'deadlineAt'>,
  bundle: Bundle,
  at: number,
): readonly NewWork[] {
  if (bundle.rotateSeconds === undefined) return [];
  const dueAt = Math.round(at + bundle.rotateSeconds * 1000 * (0.9 + parts.random() * 0.1));
  return dueAt < session.deadlineAt ? [{ kind: 'rotate', subject: session.id, dueAt }] : [];
}
