import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Ledger, Session } from '../../../src/ledger/ledger.ts';
import { hasCode } from '../../../src/platform/error.ts';
import {
  aLeaseSet,
  aPod,
  aSession,
  aStaticSession,
  type OpenLedgerWorld,
  recordIssue,
  settleAll,
  start,
} from './ledger-world.ts';

const steps = [
  'begin',
  'beginStatic',
  'supersede',
  'beginLeaseSet',
  'issue',
  'activate',
  'renew',
  'revoke',
  'revokeLeaseSet',
  'settle',
  'finish',
  'detachGone',
  'prune',
] as const;

type Step = readonly [step: (typeof steps)[number], subject: number];

/** Any calls in any order: refused or carried out, what may never be is never there. */
export function propertiesContract(open: OpenLedgerWorld): void {
  describe('any sequence of calls', () => {
    it('keeps one live session, one pending, one current and one retiring lease set, and loses no credential', async () => {
      const world = await open();
      let round = 0;
      try {
        await fc.assert(
          fc.asyncProperty(
            fc.array(fc.tuple(fc.constantFrom(...steps), fc.nat(5)), { maxLength: 40 }),
            async (sequence) => {
              round += 1;
              await runSequence(world.ledger, `pod-${round}`, sequence);
            },
          ),
          { numRuns: 60 },
        );
      } finally {
        await world.close();
      }
    });
  });
}

async function runSequence(ledger: Ledger, uid: string, sequence: readonly Step[]): Promise<void> {
  const identity = aPod(uid);
  const sets: string[] = [];
  const settled = new Map<string, string>();
  const of = () => ledger.listSessions({ workload: identity.workload, limit: 1_000 });
  for (const [step, subject] of sequence) {
    const sessions = await of();
    try {
      await carryOut(ledger, { identity, sets, sessions, step, subject });
    } catch (error) {
      if (!hasCode(error, 'ledger_conflict', 'tombstoned')) throw error;
      // Refused means unchanged.
      if (step !== 'issue') expect(await of()).toEqual(sessions);
    }
    for (const session of await of()) {
      const full = await ledger.findSession(session.id);
      if (full !== undefined) checkSession(full, settled);
    }
    const live = (await of()).filter(({ state }) => state === 'opening' || state === 'active');
    expect(new Set(live.map(({ bundle }) => bundle)).size).toBe(live.length);
  }
}

async function carryOut(
  ledger: Ledger,
  input: {
    readonly identity: ReturnType<typeof aPod>;
    readonly sets: string[];
    readonly sessions: readonly Session[];
    readonly step: Step[0];
    readonly subject: number;
  },
): Promise<void> {
  const { identity, sets, sessions } = input;
  const session = sessions[input.subject % Math.max(1, sessions.length)]?.id ?? 'ses_none';
  const leaseSet = sets[input.subject % Math.max(1, sets.length)] ?? 'set_none';
  const at = start;
  switch (input.step) {
    case 'begin':
    case 'supersede': {
      const made = aLeaseSet();
      sets.push(made.id);
      await ledger.beginSession(
        aSession({ identity, leaseSet: made, ...(input.step === 'begin' ? {} : { supersedes: session }) }),
      );
      return;
    }
    case 'beginStatic':
      await ledger.beginSession(aStaticSession({ identity, bundle: 'static' }));
      return;
    case 'beginLeaseSet': {
      const made = aLeaseSet();
      sets.push(made.id);
      return ledger.beginLeaseSet({ session, leaseSet: made, at });
    }
    case 'issue':
      return recordIssue(ledger, leaseSet);
    case 'activate': {
      const owner = (await ledger.findLeaseSet(leaseSet))?.session ?? session;
      await ledger.activate({
        session: owner,
        leaseSet: { id: leaseSet, expiresAt: at + 1 },
        generation: { id: 'gen_x', versions: '' },
        retireAt: at,
        work: [],
        at,
      });
      return;
    }
    case 'renew':
      return ledger.recordRenewal({ leaseSet, expiresAt: at + 2, work: [], at });
    case 'revoke':
      await ledger.beginRevoke({
        session,
        end: { reason: 'admin', note: '', by: 'x' },
        tombstone: input.subject === 5,
        at,
      });
      return;
    case 'revokeLeaseSet':
      return ledger.beginRevokeLeaseSet({ leaseSet, at });
    case 'settle':
      return settleAll(ledger, leaseSet);
    case 'finish':
      await ledger.finishLeaseSet({ leaseSet, at });
      return;
    case 'detachGone':
      return ledger.detachGone({ dueAt: at, marginMs: 0, at });
    case 'prune':
      await ledger.prune({ endedBefore: at, limit: 1 });
  }
}

function checkSession(session: Session, settled: Map<string, string>): void {
  const inState = (...states: readonly string[]) =>
    session.leaseSets.filter(({ state }) => states.includes(state)).length;
  expect(inState('intent', 'token')).toBeLessThanOrEqual(1);
  expect(inState('current')).toBeLessThanOrEqual(1);
  expect(inState('retiring')).toBeLessThanOrEqual(1);
  if (session.state === 'ended') expect(inState('ended')).toBe(session.leaseSets.length);
  if (session.state === 'revoking') {
    expect(inState('revoking', 'ended')).toBe(session.leaseSets.length);
    expect(inState('revoking')).toBeGreaterThan(0);
  }
  expect(session.end !== undefined).toBe(session.state === 'revoking' || session.state === 'ended');
  for (const { state, credentials } of session.leaseSets) {
    for (const { id, settlement } of credentials) {
      const isOpen = settlement === 'held' || settlement === 'outstanding';
      if (state === 'ended') expect(isOpen).toBe(false);
      if (state === 'revoking') expect(settlement).not.toBe('held');
      // What was settled once keeps that name.
      if (settled.has(id)) expect(settlement).toBe(settled.get(id));
      if (!isOpen) settled.set(id, settlement);
    }
  }
}
