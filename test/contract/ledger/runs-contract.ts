import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunIdentity } from '../../../src/identity/identity.ts';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import type { NewRun } from '../../../src/ledger/runs.ts';
import { aStaticSession, type LedgerWorld, type OpenLedgerWorld, refusal, start } from './ledger-world.ts';

export function aRunIdentity(overrides: Partial<RunIdentity> = {}): RunIdentity {
  const { cluster = 'hpc', jobId = 12, start: runStart = 1_800_000_000, user = 'alice' } = overrides;
  return {
    kind: 'run',
    workload: `run/${cluster}/${jobId}/${runStart}`,
    spiffeId: `spiffe://example.org/slurm/${cluster}/user/${user}/job/${jobId}/run/${runStart}`,
    cluster,
    jobId,
    start: runStart,
    array: undefined,
    het: undefined,
    uid: 20_001,
    gid: 20_002,
    user,
    group: 'users',
    partition: 'gpu',
    account: '',
    qos: '',
    accountingEnforced: false,
    nodes: ['n1', 'n2'],
    ...overrides,
  };
}

const aRun = (identity: Partial<RunIdentity> = {}, overrides: Partial<NewRun> = {}): NewRun => ({
  identity: aRunIdentity(identity),
  restarts: 0,
  sluid: undefined,
  endsAt: start + 3_600_000,
  bundles: ['db'],
  ...overrides,
});

/** Runs of batch schedulers, and the keys of their nodes. */
export function runsContract(open: OpenLedgerWorld): void {
  let world: LedgerWorld;
  let ledger: Ledger;
  beforeEach(async () => {
    world = await open();
    ledger = world.ledger;
  });
  afterEach(async () => {
    await world.close();
  });
  const register = (run: NewRun, at = start) => ledger.registerRun({ run, at });

  describe('a run', () => {
    it('is unknown before it is registered, and active after', async () => {
      const run = aRun(
        { array: { jobId: 10, taskId: 2 }, het: { jobId: 11, offset: 1 } },
        { restarts: 3, sluid: 's5WCZ2JGZ0A100' },
      );
      const { workload } = run.identity;
      expect(await ledger.findRun(workload)).toBeUndefined();
      expect(await ledger.findRunOfJob({ cluster: 'hpc', jobId: 12 })).toBeUndefined();
      expect(await ledger.endRun({ workload, at: start })).toBeUndefined();
      expect(await ledger.beginRunEnd({ workload, at: start })).toBeUndefined();
      const expected = {
        ...run,
        state: 'active',
        registeredAt: start,
        endingAt: undefined,
        endedAt: undefined,
      };
      expect(await register(run)).toEqual({ outcome: 'created', run: expected, ended: [] });
      ledger = await world.reopen();
      expect(await ledger.findRun(workload)).toEqual(expected);
      expect(await ledger.findRunOfJob({ cluster: 'hpc', jobId: 12 })).toEqual(expected);
      expect(await ledger.findRunOfJob({ cluster: 'other', jobId: 12 })).toBeUndefined();
      expect(await ledger.listRuns()).toEqual([expected]);
      expect(await ledger.listRuns({ cluster: 'hpc', state: 'active' })).toEqual([expected]);
      expect(await ledger.listRuns({ state: 'ending' })).toEqual([]);
      expect(await ledger.listRuns({ cluster: 'other' })).toEqual([]);
    });

    it('that is registered twice is one, with the later end', async () => {
      await register(aRun());
      const again = await register(aRun({}, { endsAt: start + 7_200_000 }), start + 1);
      expect(again).toMatchObject({
        outcome: 'existing',
        run: { endsAt: start + 7_200_000, registeredAt: start },
        ended: [],
      });
      expect((await register(aRun({}, { endsAt: start + 1 }))).run.endsAt).toBe(start + 7_200_000);
      expect((await register(aRun({}, { endsAt: undefined }))).run.endsAt).toBeUndefined();
      expect((await register(aRun())).run.endsAt).toBeUndefined();
    });

    it('keeps its identity', async () => {
      await register(aRun());
      expect(await refusal(register(aRun({ uid: 0 })))).toBe('ledger_conflict');
      expect(await refusal(register(aRun({ nodes: ['n1', 'n3'] })))).toBe('ledger_conflict');
      expect((await ledger.findRun(aRunIdentity().workload))?.identity).toEqual(aRunIdentity());
    });

    it('is told from another one of its job and start by its SLUID, where both have one', async () => {
      const [known, other] = ['s5WCZ2JGZ0A100', 's5WCZ2JGZ0A101'];
      await register(aRun({}, { sluid: known }));
      expect(await refusal(register(aRun({}, { sluid: other })))).toBe('ledger_conflict');
      for (const sluid of [known, undefined])
        expect(await register(aRun({}, { sluid }))).toMatchObject({
          outcome: 'existing',
          run: { sluid: known },
        });
      await register(aRun({ jobId: 13 }));
      // As it was registered, by an older broker for one: what it has not, it does not get later.
      expect(await register(aRun({ jobId: 13 }, { sluid: other }))).toMatchObject({
        outcome: 'existing',
        run: { sluid: undefined },
      });
      expect((await ledger.listRuns()).map(({ sluid, state }) => [sluid, state])).toEqual([
        [known, 'active'],
        [undefined, 'active'],
      ]);
    });

    it('is the same with another restart count, and keeps the first one: no two runs are told apart by it', async () => {
      await register(aRun({}, { restarts: 1 }));
      expect(await register(aRun({}, { restarts: 2 }))).toMatchObject({
        outcome: 'existing',
        run: { restarts: 1 },
      });
    });

    it('is described among others for people, also when it is over', async () => {
      await register(aRun({}, { restarts: 2, sluid: 's5WCZ2JGZ0A100' }));
      await register(aRun({ jobId: 13 }));
      const [one, two] = [aRunIdentity().workload, aRunIdentity({ jobId: 13 }).workload];
      await ledger.endRun({ workload: two, at: start });
      expect(await ledger.describeRuns([one, two, one, 'run/hpc/14/1', 'pod/blue/uid-1'])).toEqual(
        new Map([
          [one, { restarts: 2, sluid: 's5WCZ2JGZ0A100' }],
          [two, { restarts: 0, sluid: undefined }],
        ]),
      );
      expect(await ledger.describeRuns([])).toEqual(new Map());
    });

    it('ends the earlier ones of its job, and no word about an earlier one is taken after it', async () => {
      const [first, second, other] = [aRun(), aRun({ start: 1_800_000_500 }), aRun({ jobId: 13 })];
      await register(first);
      await register(other);
      expect(await register(second, start + 5)).toMatchObject({
        outcome: 'created',
        ended: [first.identity.workload],
      });
      expect(await ledger.findRun(first.identity.workload)).toMatchObject({
        state: 'ended',
        endedAt: start + 5,
      });
      expect((await ledger.listRuns()).map(({ identity }) => identity.workload)).toEqual([
        other.identity.workload,
        second.identity.workload,
      ]);
      expect(await register(first)).toMatchObject({ outcome: 'existing', run: { state: 'ended' } });
      expect(await refusal(register(aRun({ start: 1_799_999_999 })))).toBe('ledger_conflict');
    });

    it('ends in two steps or in one, once', async () => {
      const { workload } = aRunIdentity();
      await register(aRun());
      expect(await ledger.beginRunEnd({ workload, at: start + 1 })).toMatchObject({
        state: 'ending',
        endingAt: start + 1,
        endedAt: undefined,
      });
      expect(await ledger.beginRunEnd({ workload, at: start + 2 })).toMatchObject({ endingAt: start + 1 });
      expect(await ledger.findRunOfJob({ cluster: 'hpc', jobId: 12 })).toMatchObject({ state: 'ending' });
      await ledger.setRunEnd({ workload, endsAt: 1 });
      expect(await ledger.endRun({ workload, at: start + 3 })).toMatchObject({
        state: 'ended',
        endingAt: start + 1,
        endedAt: start + 3,
        endsAt: start + 3_600_000,
      });
      expect(await ledger.endRun({ workload, at: start + 4 })).toBeUndefined();
      expect(await ledger.findRun(workload)).toMatchObject({ state: 'ended', endedAt: start + 3 });
      expect(await ledger.findRunOfJob({ cluster: 'hpc', jobId: 12 })).toBeUndefined();
      expect(await register(aRun())).toMatchObject({ outcome: 'existing', run: { state: 'ended' } });
    });

    it('that is ended by several at once was ended by one of them', async () => {
      const { workload } = aRunIdentity();
      await register(aRun());
      const ends = await Promise.all(
        Array.from({ length: 8 }, (_, index) => ledger.endRun({ workload, at: start + index })),
      );
      expect(ends.filter((run) => run !== undefined)).toMatchObject([
        { identity: { workload }, state: 'ended' },
      ]);
    });

    it('can have its end moved either way while it is active', async () => {
      const { workload } = aRunIdentity();
      await register(aRun());
      await ledger.setRunEnd({ workload, endsAt: start + 60_000 });
      expect(await ledger.findRun(workload)).toMatchObject({ endsAt: start + 60_000 });
      await ledger.setRunEnd({ workload, endsAt: undefined });
      expect((await ledger.findRun(workload))?.endsAt).toBeUndefined();
    });

    it('begins no session once it ends, is over or is not there', async () => {
      const identity = aRunIdentity();
      const { workload } = identity;
      const begin = () =>
        ledger.beginSession(aStaticSession({ identity, holders: ['n1', 'n2'], attach: 'n1' }));
      expect(await refusal(begin())).toBe('workload_ended');
      await register(aRun());
      await ledger.beginRunEnd({ workload, at: start });
      expect(await refusal(begin())).toBe('workload_terminating');
      await ledger.endRun({ workload, at: start });
      expect(await refusal(begin())).toBe('workload_ended');
      expect(await ledger.listSessions({ limit: 1 })).toEqual([]);
    });

    it('is found among others when it is over or not there', async () => {
      const [alive, ending, over] = [aRun(), aRun({ jobId: 13 }), aRun({ jobId: 14 })];
      for (const run of [alive, ending, over]) await register(run);
      await ledger.beginRunEnd({ workload: ending.identity.workload, at: start });
      await ledger.endRun({ workload: over.identity.workload, at: start });
      const workloads = [alive, ending, over].map(({ identity }) => identity.workload);
      const found = await ledger.findEndedRuns([...workloads, 'run/hpc/15/1']);
      expect(found.toSorted()).toEqual([over.identity.workload, 'run/hpc/15/1'].toSorted());
      expect(await ledger.findEndedRuns([])).toEqual([]);
    });

    it('that has ended and still holds something is listed until it does not', async () => {
      const identity = aRunIdentity();
      await register(aRun());
      const session = aStaticSession({ identity, holders: ['n1', 'n2'], attach: 'n1' });
      await ledger.beginSession(session);
      expect(await ledger.listEndedRunsHeld()).toEqual([]);
      await ledger.beginRunEnd({ workload: identity.workload, at: start });
      expect(await ledger.listEndedRunsHeld()).toEqual([]);
      await ledger.endRun({ workload: identity.workload, at: start });
      expect(await ledger.listEndedRunsHeld()).toEqual([identity.workload]);
      expect(await ledger.findSession(session.id)).toMatchObject({ identity });
      const end = { reason: 'workload_ended', note: '', by: 'broker' } as const;
      await ledger.beginRevoke({ session: session.id, end, tombstone: false, at: start });
      expect(await ledger.listEndedRunsHeld()).toEqual([]);
    });

    it('on very many nodes is as it was registered, also as the holder of a session', async () => {
      const nodes = Array.from({ length: 3_000 }, (_, index) => `node-${index}`);
      const identity = { ...aRunIdentity(), nodes };
      await register({ ...aRun(), identity });
      const { session } = await ledger.beginSession(
        aStaticSession({ identity, holders: nodes, attach: 'node-0' }),
      );
      const selected = (node: string) => ledger.listSessions({ selector: { node }, limit: 10 });
      for (const reopened of [false, true]) {
        if (reopened) ledger = await world.reopen();
        for (let time = 0; time < 2; time += 1) {
          expect((await ledger.findRunOfJob({ cluster: 'hpc', jobId: 12 }))?.identity).toEqual(identity);
          expect((await ledger.findSession(session.id))?.identity).toEqual(identity);
        }
        expect(await selected('node-2999')).toMatchObject([{ id: session.id }]);
        expect(await selected('node-3000')).toEqual([]);
      }
    });

    it('is held while a node that is attached has not wiped', async () => {
      const identity = aRunIdentity();
      const { workload } = identity;
      const holder = { session: '', holder: 'n1', at: start };
      expect(await ledger.isRunHeld(workload)).toBe(false);
      await register(aRun());
      const input = aStaticSession({ identity, holders: ['n1', 'n2'], attach: 'n1' });
      holder.session = (await ledger.beginSession(input)).session.id;
      expect(await ledger.isRunHeld(workload)).toBe(true);
      await ledger.recordWiped(holder);
      expect(await ledger.isRunHeld(workload)).toBe(false);
      await ledger.attachHolder({ ...holder, holder: 'n2', replica: input.replica });
      expect(await ledger.isRunHeld(workload)).toBe(true);
      await ledger.detachHolder({ ...holder, holder: 'n2', replica: input.replica, dueAt: start });
      expect(await ledger.isRunHeld(workload)).toBe(false);
    });

    it('is pruned once it has ended and nothing of it is left', async () => {
      const [gone, alive] = [aRun(), aRun({ jobId: 13 })];
      const held = aRun({ jobId: 14 });
      for (const run of [gone, alive, held]) await register(run);
      await ledger.beginSession(
        aStaticSession({ identity: held.identity, holders: ['n1', 'n2'], attach: 'n1' }),
      );
      for (const run of [gone, held])
        await ledger.endRun({ workload: run.identity.workload, at: start + 10 });
      await ledger.prune({ endedBefore: start + 10, limit: 10 });
      expect(await ledger.findRun(gone.identity.workload)).toBeDefined();
      await ledger.prune({ endedBefore: start + 11, limit: 10 });
      expect(await ledger.findRun(gone.identity.workload)).toBeUndefined();
      expect(await ledger.findRun(alive.identity.workload)).toBeDefined();
      expect(await ledger.findRun(held.identity.workload)).toBeDefined();
    });

    it('is counted by pruning though it never had a session, so that whoever prunes goes on', async () => {
      const runs = [aRun(), aRun({ jobId: 13 }), aRun({ jobId: 14 })];
      for (const run of runs) {
        await register(run);
        await ledger.endRun({ workload: run.identity.workload, at: start });
      }
      const prune = () => ledger.prune({ endedBefore: start + 1, limit: 2 });
      expect([await prune(), await prune(), await prune()]).toEqual([2, 1, 0]);
    });
  });

  describe("a node's key", () => {
    const bind = (key: string, notBefore: number, node = 'n1', cluster = 'hpc') =>
      ledger.bindNode({ cluster, node, key, notBefore, at: start });

    it('is the first that it shows, and another only with a newer certificate', async () => {
      expect(await bind('aa', 100)).toBe('bound');
      expect(await bind('aa', 100)).toBe('same');
      expect(await bind('bb', 100)).toBe('refused');
      expect(await bind('bb', 99)).toBe('refused');
      expect(await bind('bb', 101)).toBe('rebound');
      ledger = await world.reopen();
      expect(await bind('bb', 101)).toBe('same');
      expect(await bind('aa', 100)).toBe('refused');
    });

    it('that is certified anew is refused to an older certificate of another key', async () => {
      await bind('aa', 100);
      expect(await bind('aa', 200)).toBe('same');
      expect(await bind('bb', 150)).toBe('refused');
    });

    it('is its own in each cluster', async () => {
      await bind('aa', 100);
      expect(await bind('bb', 100, 'n2')).toBe('bound');
      expect(await bind('cc', 100, 'n1', 'other')).toBe('bound');
    });
  });
}
