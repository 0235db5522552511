import type { AuditAction } from '../audit/audit.ts';
import { longestText } from '../audit/record.ts';
import {
  heldStates,
  liveStates,
  type Session,
  type SessionState,
  type SessionWithHolders,
} from '../ledger/ledger.ts';
import { isCanaryWorkload } from '../platform/canary-workload.ts';
import { LeaseholdError } from '../platform/error.ts';
import { isEmptySelector, type Selector } from '../policy/selector.ts';
import { sessionFacts } from './audit-facts.ts';
import type { Canaries } from './canary/canaries.ts';
import { endSession } from './end-session.ts';
import { everySession } from './every-session.ts';
import type { Parts } from './parts.ts';
import type { SessionAdmin } from './sessions.ts';
import { watchSessions } from './watch-sessions.ts';
import { withHolders } from './with-holders.ts';
import { recordAnyway } from './record-anyway.ts';

const endedAtOnce = 64;

/** What people may do; rights are the caller's to check, records are written here. */
export function createSessionAdmin(parts: Parts, canaries: Pick<Canaries, 'list' | 'run'>): SessionAdmin {
  const { ledger, locks } = parts;
  const shown = (sessions: readonly Session[]) => withHolders(ledger, sessions);
  const findShown = async (id: string): Promise<SessionWithHolders> => {
    const session = await ledger.findSession(id);
    const [found] = session === undefined ? [] : await shown([session]);
    if (found === undefined) throw new LeaseholdError('session_unknown');
    return found;
  };

  const matching = async (
    selector: Selector | undefined,
    states: readonly SessionState[],
  ): Promise<Session[]> => {
    const found: Session[] = [];
    for await (const page of everySession(ledger, { selector, states })) found.push(...page);
    return found;
  };

  const read = (by: string, selector?: Selector) =>
    parts.audit.record({
      action: 'admin_read',
      outcome: 'ok',
      actor: by,
      ...(selector === undefined ? {} : { selector: JSON.stringify(selector) }),
    });

  const wrote = async (
    action: AuditAction,
    request: {
      readonly by: string;
      readonly reason: string;
      readonly lock?: string;
      readonly selector?: Selector;
      readonly count?: number;
    },
  ) => {
    // Taking back goes on without the record; the ledger has who and why.
    await recordAnyway(parts, {
      action,
      outcome: 'ok',
      actor: request.by,
      reason: request.reason,
      ...(request.lock === undefined ? {} : { lock: request.lock }),
      ...(request.selector === undefined ? {} : { selector: JSON.stringify(request.selector) }),
      ...(request.count === undefined ? {} : { count: request.count }),
    });
  };

  const require = (selector: Selector) => {
    if (isEmptySelector(selector))
      throw new LeaseholdError('request_invalid', { detail: 'the selector is empty' });
  };

  const endAll = async (
    sessions: readonly Session[],
    end: { readonly reason: 'admin' | 'locked'; readonly note: string; readonly by: string },
  ): Promise<readonly Session[]> => {
    const ended: Session[] = [];
    const failures: unknown[] = [];
    // Some at a time, so that they share commits and records and many do not outlast the caller's patience.
    for (let first = 0; first < sessions.length; first += endedAtOnce) {
      const ends = await Promise.allSettled(
        sessions
          .slice(first, first + endedAtOnce)
          // A canary is no workload's hold: the next one is to come as ever.
          .map(({ id, workload }) =>
            endSession(parts, { session: id, ...end, tombstone: !isCanaryWorkload(workload) }),
          ),
      );
      for (const outcome of ends) {
        // One that the ledger could not take must not save the others.
        if (outcome.status === 'fulfilled') ended.push(outcome.value);
        else failures.push(outcome.reason);
      }
    }
    if (failures.length > 0) throw LeaseholdError.from(failures[0]);
    return ended;
  };

  /**
   * Near a deadline one hold has two sessions, and nodes of a run may have one each; who names one of them by its id means all that the workload holds of
   * the bundle, which it does not get again either.
   */
  const withAllOfHold = async (sessions: readonly Session[]): Promise<readonly Session[]> => {
    const all = new Map(sessions.map((session) => [session.id, session]));
    for (const { workload, bundle } of sessions)
      for await (const page of everySession(ledger, { workload, selector: { bundle }, states: heldStates }))
        for (const other of page) all.set(other.id, other);
    return [...all.values()];
  };

  return {
    list: async ({ selector, includeEnded, pageSize: limit, after, by }) => {
      await read(by, selector);
      return shown(
        await ledger.listSessions({
          ...(selector === undefined ? {} : { selector }),
          states: includeEnded ? [...liveStates, 'ended'] : liveStates,
          limit,
          ...(after === undefined ? {} : { after }),
        }),
      );
    },
    show: async ({ id, by }) => {
      await read(by, { session: id });
      return findShown(id);
    },
    watch: ({ selector, by, signal, isRecorded }) =>
      watchSessions(parts, isRecorded === true ? async () => undefined : read, { selector, by, signal }),
    revoke: async ({ selector, reason, by, dryRun }) => {
      require(selector);
      const found = await matching(selector, heldStates);
      const sessions = selector.session === undefined ? found : await withAllOfHold(found);
      const known = new Set(sessions.map(({ id }) => id));
      const revoking = (await matching(selector, ['revoking'])).filter(({ id }) => !known.has(id));
      if (dryRun) return shown(sessions);
      await wrote('revoke', { by, reason, selector, count: sessions.length });
      const ended = await endAll(sessions, { reason: 'admin', note: reason, by });
      // Those that end for another reason already get their tombstone too.
      const already = await endAll(revoking, { reason: 'admin', note: reason, by });
      return shown([...ended, ...already]);
    },
    rotate: async ({ selector, reason, by, dryRun }) => {
      require(selector);
      const sessions = await matching(selector, ['active']);
      if (dryRun) return shown(sessions);
      await wrote('rotate', { by, reason, selector, count: sessions.length });
      const dueAt = parts.backend.now();
      await ledger.putWork(sessions.map(({ id }) => ({ kind: 'rotate', subject: id, dueAt })));
      parts.wake();
      return shown(sessions);
    },
    addLock: async ({ selector, reason, by, dryRun }) => {
      require(selector);
      if (selector.session !== undefined)
        throw new LeaseholdError('request_invalid', { detail: 'a lock may not name a session' });
      // The record of the lock is what brings it back into a ledger that was restored; cut, it could not.
      if (JSON.stringify(selector).length > longestText)
        throw new LeaseholdError('request_invalid', { detail: 'the selector is too long' });
      const lock = {
        id: dryRun ? '' : parts.randomId('loc_'),
        selector,
        reason,
        by,
        createdAt: parts.backend.now(),
      };
      if (dryRun) return { lock, sessions: await shown(await matching(selector, heldStates)) };
      // First the lock, then the revocations: what opens in between is refused.
      await ledger.addLock(lock);
      locks.reread();
      const sessions = await matching(selector, heldStates);
      await wrote('lock_add', { by, reason, lock: lock.id, selector, count: sessions.length });
      const ended = await endAll(sessions, { reason: 'locked', note: reason, by });
      return { lock, sessions: await shown(ended) };
    },
    removeLock: async ({ id, reason, by }) => {
      const lock = await ledger.removeLock(id);
      if (lock === undefined) throw new LeaseholdError('request_invalid', { detail: 'no such lock' });
      locks.reread();
      await wrote('lock_remove', { by, reason, lock: id, selector: lock.selector });
    },
    listLocks: async ({ by }) => {
      await read(by);
      return ledger.listLocks();
    },
    explain: async ({ identity, bundle, by }) => {
      const decision = parts.policy.decide(identity, bundle);
      const lock = await locks.matching({ identity, bundle });
      const tombstone = await ledger.findTombstone(identity.workload, bundle);
      await parts.audit.record({
        action: 'explain',
        outcome: 'ok',
        actor: by,
        workload: identity.workload,
        spiffeId: identity.spiffeId,
        bundle,
        ...(decision.rule === undefined ? {} : { rule: decision.rule }),
        policyRevision: parts.policy.revision,
      });
      return {
        decision,
        refusedBy: !decision.allowed
          ? undefined
          : lock !== undefined
            ? 'locked'
            : tombstone === undefined
              ? undefined
              : 'tombstoned',
      };
    },
    listTombstones: async ({ by }) => {
      await read(by);
      return ledger.listTombstones();
    },
    liftTombstone: async ({ workload, bundle, reason, by }) => {
      if ((await ledger.findTombstone(workload, bundle)) === undefined)
        throw new LeaseholdError('request_invalid', { detail: 'no such tombstone' });
      // What may come back is only allowed with a record.
      await parts.audit.record({
        action: 'tombstone_lift',
        outcome: 'ok',
        actor: by,
        workload,
        bundle,
        reason,
      });
      if (!(await ledger.liftTombstone(workload, bundle)))
        throw new LeaseholdError('request_invalid', { detail: 'no such tombstone' });
    },
    writeOff: async ({ credential: id, reason, by }) => {
      const found = await ledger.findCredential(id);
      if (found?.credential.settlement !== 'outstanding')
        throw new LeaseholdError('request_invalid', { detail: 'no outstanding credential has this id' });
      const owning = await ledger.findSession(found.session);
      if (owning === undefined) throw new LeaseholdError('session_unknown');
      await parts.audit.record({
        action: 'write_off',
        outcome: 'ok',
        actor: by,
        ...sessionFacts(owning),
        paths: [found.credential.path],
        hmacs: [parts.audit.hmac(found.credential.reference)],
        reason,
      });
      const at = parts.backend.now();
      await ledger.settleCredential({
        credential: id,
        settlement: 'written_off',
        why: found.credential.why,
        nextTryAt: undefined,
        at,
      });
      const session = await findShown(found.session);
      const leaseSets = session.leaseSets.filter(({ credentials }) =>
        credentials.some((one) => one.id === id),
      );
      await ledger.putWork(leaseSets.map((set) => ({ kind: 'revoke', subject: set.id, dueAt: at })));
      parts.wake();
      parts.events.changed(session.id);
      return session;
    },
    listCanaries: async ({ by }) => {
      await read(by);
      return { isEnabled: parts.settings.canary !== undefined, canaries: await canaries.list() };
    },
    runCanary: (request) => canaries.run(request),
    hmac: ({ reference }) => parts.audit.hmac(reference),
  };
}
