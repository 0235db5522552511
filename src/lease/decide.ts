import type { Session } from '../ledger/ledger.ts';
import { hasCode, LeaseholdError } from '../platform/error.ts';
import type { Bundle } from '../policy/bundle.ts';
import { endSession } from './end-session.ts';
import type { Attached } from './hub.ts';
import type { Parts } from './parts.ts';

/** What the rules allow one holder now. */
export interface Granted {
  readonly bundle: Bundle;
  readonly rule: string;
  readonly maxSeconds: number;
}

/**
 * Policy and locks as they are now. Asked before anything is done for a caller, and again when its session stands in ledger and hub: who
 * changed a rule in between looked for sessions too early.
 */
export async function decide(parts: Parts, attached: Attached, bundle: string): Promise<Granted> {
  const { identity, run } = attached.verified;
  // What a run is to have was decided when it was registered; a node that asks for more has no job that wishes it.
  if (run !== undefined && !run.bundles.includes(bundle)) throw new LeaseholdError('not_granted');
  if (parts.states.state(identity.workload).phase === 'ended') throw new LeaseholdError('workload_ended');
  const lock = await parts.locks.matching({ identity, bundle });
  // After the wait: what follows happens in the same turn.
  const decision = parts.policy.decide(identity, bundle);
  if (!decision.allowed)
    throw new LeaseholdError(decision.code, decision.rule === undefined ? {} : { detail: decision.rule });
  if (lock !== undefined) throw new LeaseholdError('locked', { detail: lock.id });
  return decision;
}

/** What may start something new; a session that is held already needs less. */
export function requireMayBegin(parts: Parts, attached: Attached): void {
  const { phase, freshness } = parts.states.state(attached.verified.identity.workload);
  if (phase === 'terminating') throw new LeaseholdError('workload_terminating');
  if (freshness !== 'fresh') throw new LeaseholdError('workload_stale');
  // Proved while knowledge was old or the pod terminating. Fresh knowledge that it runs makes up for it.
  if (!attached.mayOpen && phase !== 'running') throw new LeaseholdError('workload_stale');
}

/** Values for a session that is held: terminating and stale are borne, lost knowledge is not. */
export function requireRenewable(parts: Parts, attached: Attached): void {
  const { freshness } = parts.states.state(attached.verified.identity.workload);
  if (freshness === 'lost') throw new LeaseholdError('workload_stale');
}

/** Takes a session back when policy or locks do not allow it any more; true when they do not. */
export async function withdrawRefused(parts: Parts, session: Session): Promise<boolean> {
  const { identity, bundle } = session;
  const lock = await parts.locks.matching({ identity, bundle });
  const decision = parts.policy.decide(identity, bundle);
  if (!decision.allowed) await withdraw(parts, session, decision.rule);
  else if (lock !== undefined) {
    await endSession(parts, {
      session: session.id,
      reason: 'locked',
      note: lock.reason,
      by: lock.by,
      tombstone: true,
    });
  }
  return !decision.allowed || lock !== undefined;
}

/** What still stands of a bundle that its workload has just been refused. */
export async function withdrawAfter(parts: Parts, session: Session, refusal: unknown): Promise<void> {
  if (hasCode(refusal, 'not_granted', 'bundle_unknown')) await withdraw(parts, session, refusal.detail);
  else if (hasCode(refusal, 'locked')) await withdrawRefused(parts, session);
}

async function withdraw(parts: Parts, session: Session, rule: string | undefined): Promise<void> {
  await endSession(parts, {
    session: session.id,
    reason: 'not_granted',
    note: rule ?? '',
    tombstone: false,
  });
}
