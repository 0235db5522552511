import { type Credential, isOpen, type LeaseSet, type Session, type Settlement } from '../ledger/ledger.ts';
import { type ErrorCode, hasCode, LeaseholdError } from '../platform/error.ts';
import { leaseSetFacts, reasonOf, sessionFacts, settlementOf } from './audit-facts.ts';
import { endSession } from './end-session.ts';
import { settleAt } from './issue.ts';
import type { Parts } from './parts.ts';
import { retireLater } from './retire.ts';
import { recordAnyway } from './record-anyway.ts';

/**
 * Step 8, second part, for one lease set: each lease synchronously, then the token, then look-ups of all. `confirmed` is what was seen,
 * revoked by us without an error, and then not seen; anything else keeps its true name. Tried for as long as it takes.
 */
export async function revokeWork(
  parts: Parts,
  leaseSetId: string,
  endIfHalfOpen: (session: string) => Promise<unknown>,
): Promise<number | undefined> {
  // A request under way may still bring a credential; its end puts the item again.
  if (parts.issuing.has(leaseSetId)) return parts.backend.now() + parts.settings.retryMinMs;
  const found = await parts.ledger.findLeaseSet(leaseSetId);
  if (found === undefined || found.state === 'ended') return undefined;
  let leaseSet = found;
  // A retiring set whose overlap is over, or whose successor has been acknowledged.
  if (leaseSet.state !== 'revoking') {
    const later = leaseSet.state === 'retiring' ? await retireLater(parts, leaseSet) : undefined;
    if (later !== undefined) return later;
    await parts.ledger.beginRevokeLeaseSet({ leaseSet: leaseSetId, at: parts.backend.now() });
    await parts.reach('revoke.begun', leaseSetId);
    const begun = await parts.ledger.findLeaseSet(leaseSetId);
    if (begun === undefined) return undefined;
    leaseSet = begun;
  }
  if (leaseSet.credentials.length === 0) {
    // The request that makes the token may still be running at the backend: only time settles that.
    const quietAt = settleAt(parts, leaseSet.createdAt);
    if (parts.backend.now() < quietAt) return quietAt;
  }
  const retryAt = await settleAll(parts, leaseSet);
  if (retryAt !== undefined) {
    parts.events.count('revoke_retried');
    parts.events.changed(leaseSet.session);
    return retryAt;
  }
  // A ledger that cannot take the end, on a full disk for one, must not fill the audit log.
  if (!parts.recorded.has(leaseSetId)) {
    // The credentials are gone, and the ledger says so; that somebody can read it in the log has to wait.
    if (!parts.audit.hasRoom())
      return Math.round(parts.backend.now() + parts.settings.retryMaxMs * (1 + parts.random()));
    // A credential came while the others were settled.
    if (!(await recordSettled(parts, leaseSetId))) return parts.backend.now();
    parts.recorded.add(leaseSetId);
    await parts.reach('revoke.recorded', leaseSetId);
  }
  const session = await parts.ledger.finishLeaseSet({ leaseSet: leaseSetId, at: parts.backend.now() });
  parts.recorded.delete(leaseSetId);
  if (session.leaseSets.some(({ id }) => id === leaseSetId)) return parts.backend.now();
  await parts.reach('revoke.finished', leaseSetId);
  parts.events.changed(session.id);
  if (session.state === 'opening') await endIfHalfOpen(session.id);
  return undefined;
}

/**
 * With the hold key taken, so that nobody is issuing: an opening session without a lease set can never become active. Its broker died, or the
 * ledger was away, between the end of its lease set and its own.
 */
export async function endHalfOpen(parts: Parts, id: string): Promise<undefined> {
  const session = await parts.ledger.findSession(id);
  if (session?.state !== 'opening' || session.leaseSets.some(({ state }) => state !== 'ended')) return;
  await endSession(parts, { session: id, reason: 'issue_failed', tombstone: false });
}

/** Undefined when nothing is outstanding any more, else when to try again. */
async function settleAll(parts: Parts, leaseSet: LeaseSet): Promise<number | undefined> {
  const outstanding = leaseSet.credentials.filter(({ settlement }) => settlement === 'outstanding');
  let retryAt: number | undefined;
  const settle = async (kind: Credential['kind']) => {
    for (const credential of outstanding.filter((one) => one.kind === kind)) {
      const at = await settleInTurn(parts, credential, leaseSet);
      if (at !== undefined) retryAt = retryAt === undefined ? at : Math.min(retryAt, at);
    }
  };
  await settle('lease');
  // The token stays until its leases are settled: they would go with it, and nobody could say that it was our revocation
  // that ended them. It is not renewed any more, so it ends by itself in any case.
  if (retryAt === undefined) await settle('token');
  return retryAt;
}

/** When its path has room and is not known to fail; else when to try again, and that was not a try. */
async function settleInTurn(
  parts: Parts,
  credential: Credential,
  leaseSet: LeaseSet,
): Promise<number | undefined> {
  const { path } = credential;
  await parts.pathSlots.line(path);
  const pause = parts.pathSlots.pause('revoke', path) ?? parts.pathProbes.enter(path, credential);
  if (pause !== undefined) return Math.round(parts.backend.now() + pause);
  const slot = parts.pathSlots.enter('revoke', path);
  try {
    return await settleOne(parts, credential, leaseSet, slot.served);
  } finally {
    parts.pathProbes.left(path, credential);
    slot.leave();
  }
}

/** The backend's clock is known to the second, and from below. */
const clockToleranceMs = 2_000;

async function settleOne(
  parts: Parts,
  credential: Credential,
  { createdAt }: LeaseSet,
  served: () => void,
): Promise<number | undefined> {
  const { ledger, backend } = parts;
  let request: 'none' | 'sent' | 'done' = 'none';
  const settle = (settlement: Settlement, why: ErrorCode | undefined, nextTryAt: number | undefined) =>
    ledger.settleCredential({
      credential: credential.id,
      settlement,
      why,
      nextTryAt,
      maybeRevoked: settlement === 'outstanding' && mayHaveRevoked(request, why),
      at: backend.now(),
    });
  try {
    const before = await lookUp(parts, credential);
    if (!before.present) {
      const settlement = await absence(parts, credential, createdAt);
      const isUnclear = settlement === 'vanished' && credential.maybeRevoked;
      await settle(settlement, isUnclear ? (credential.why ?? 'cancelled') : undefined, undefined);
      parts.revoked.delete(credential.id);
      return undefined;
    }
    request = 'sent';
    await revokeAtBackend(parts, credential);
    request = 'done';
    parts.revoked.add(credential.id);
    const after = await lookUp(parts, credential);
    if (after.present) throw new LeaseholdError('backend_rejected', { detail: 'revoked, yet still present' });
    // The next one at this path need not wait for the ledger.
    served();
    await settle('confirmed', undefined, undefined);
    parts.revoked.delete(credential.id);
    parts.pathProbes.succeeded(credential.path, credential);
    await parts.reach('revoke.settled', credential.id);
    return undefined;
  } catch (error) {
    if (hasCode(error, 'ledger_conflict', 'ledger_unavailable', 'ledger_unusable')) throw error;
    if (hasCode(error, 'cancelled')) {
      // This broker ends, and the backend may carry the request out: who goes on must not blame another for it.
      if (request !== 'none') await settle('outstanding', 'cancelled', undefined).catch(() => undefined);
      throw error;
    }
    const known = LeaseholdError.from(error);
    const nextTryAt = backend.now() + pauseAfter(parts, known, credential);
    if (known.code !== 'backend_changed') parts.pathProbes.failed(credential.path, credential);
    parts.log.warn(
      'a credential could not be revoked and is tried again',
      { path: credential.path, attempts: credential.attempts + 1 },
      error,
    );
    await settle('outstanding', known.code, nextTryAt);
    return nextTryAt;
  }
}

/** Answers by which the backend says that it has not done it. */
const refusals: readonly (ErrorCode | undefined)[] = [
  'backend_denied',
  'backend_rejected',
  'backend_sealed',
  'backend_throttled',
];

const mayHaveRevoked = (request: 'none' | 'sent' | 'done', failure: ErrorCode | undefined): boolean =>
  request === 'done' || (request === 'sent' && !refusals.includes(failure));

/** What it means that the backend has not got a credential. Throws `backend_changed` when it means nothing. */
async function absence(
  parts: Parts,
  { id, path, expiresAt, maybeRevoked }: Credential,
  createdAt: number,
): Promise<Settlement> {
  const lapsed = parts.backend.now() >= expiresAt - clockToleranceMs;
  const revoked = parts.revoked.has(id);
  // Its own end is on record and needs nobody's word.
  if (lapsed && !revoked) return 'lapsed';
  if (!(await parts.identity.made(createdAt))) {
    if (lapsed) return 'lapsed';
    throw new LeaseholdError('backend_changed');
  }
  // Seen, revoked by us without an error, and now not seen: only the look-up after the revocation had failed.
  if (revoked) return 'confirmed';
  // By an earlier try, or by somebody else meanwhile: nobody can tell, so it is neither called confirmed nor an alarm.
  if (maybeRevoked) {
    parts.log.info('a credential is gone after a revocation whose outcome is not on record', { path });
    return 'vanished';
  }
  // Not by our doing: somebody else did it, or the backend was restored to an earlier state.
  parts.events.count('vanished');
  parts.log.warn('a credential was gone before it was revoked', { path });
  return 'vanished';
}

/** Another backend will not know more of it soon, and its own end settles it. */
const changedPauseMs = 300_000;

function pauseAfter(parts: Parts, { code }: LeaseholdError, { attempts, expiresAt }: Credential): number {
  if (code !== 'backend_changed') return retryPause(parts, attempts);
  return Math.max(parts.settings.retryMinMs, Math.min(changedPauseMs, expiresAt - parts.backend.now()));
}

/** Doubling from the shortest to the longest pause, half of it jitter. */
export function retryPause(parts: Pick<Parts, 'settings' | 'random'>, attempts: number): number {
  const { retryMinMs, retryMaxMs } = parts.settings;
  const pause = Math.min(retryMaxMs, retryMinMs * 2 ** Math.min(attempts, 20));
  return Math.round(pause * (0.5 + parts.random() / 2));
}

function lookUp(parts: Parts, { kind, reference }: Credential) {
  return kind === 'token'
    ? parts.backend.lookupToken({ accessor: reference, signal: parts.signal })
    : parts.backend.lookupLease({ leaseId: reference, signal: parts.signal });
}

async function revokeAtBackend(parts: Parts, { kind, reference, id }: Credential): Promise<void> {
  if (kind === 'token') {
    await parts.backend.revokeToken({ accessor: reference, signal: parts.signal });
    await parts.reach('revoke.token', id);
  } else {
    await parts.backend.revokeLease({ leaseId: reference, signal: parts.signal });
    await parts.reach('revoke.lease', id);
  }
}

/**
 * Before the ledger forgets that there is something to do: who dies in between has it written once more by the next, while a record that comes
 * after would be missing for good. With why the session has ended, since the record of that may be missing. False when not all is settled.
 */
async function recordSettled(parts: Parts, leaseSetId: string): Promise<boolean> {
  const leaseSet = await parts.ledger.findLeaseSet(leaseSetId);
  if (leaseSet === undefined || leaseSet.credentials.some(({ settlement }) => isOpen(settlement)))
    return false;
  const session = await parts.ledger.findSession(leaseSet.session);
  if (session === undefined) return false;
  await recordAnyway(parts, {
    action: 'settle',
    outcome: 'ok',
    actor: 'broker',
    ...sessionFacts(session),
    ...reasonFacts(session, leaseSet),
    ...leaseSetFacts(leaseSet, parts.audit),
    settlement: settlementOf(leaseSet),
  });
  return true;
}

/** Why the session has ended, and what is not known of how its credentials did. */
function reasonFacts({ end }: Session, { credentials }: LeaseSet): { readonly reason?: string } {
  const isUnclear = credentials.some((one) => one.settlement === 'vanished' && one.maybeRevoked);
  const said = [
    ...(end === undefined ? [] : [reasonOf(end)]),
    ...(isUnclear ? ['vanished after a revocation by the broker whose outcome is not known'] : []),
  ];
  return said.length === 0 ? {} : { reason: said.join('; ') };
}

/**
 * An intent or token that never became current: its broker died in the middle. The session that waited for it cannot
 * be finished by anybody, so it ends; what the ledger knows of it is revoked.
 */
export async function settleWork(
  parts: Parts,
  leaseSetId: string,
  end: (session: string) => Promise<void>,
): Promise<number | undefined> {
  const leaseSet = await parts.ledger.findLeaseSet(leaseSetId);
  if (leaseSet === undefined || (leaseSet.state !== 'intent' && leaseSet.state !== 'token')) return undefined;
  const session = await parts.ledger.findSession(leaseSet.session);
  if (session?.state === 'opening') {
    await end(session.id);
    return undefined;
  }
  await parts.ledger.beginRevokeLeaseSet({ leaseSet: leaseSetId, at: parts.backend.now() });
  parts.wake();
  return undefined;
}
