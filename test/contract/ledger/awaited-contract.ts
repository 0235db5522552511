import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunIdentity } from '../../../src/identity/identity.ts';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import { aStaticSession, type LedgerWorld, type OpenLedgerWorld, start } from './ledger-world.ts';
import { aRunIdentity } from './runs-contract.ts';

const nodes = ['n1', 'n2', 'n3'];
const waitMs = 10_000;
const silenceMs = 3_000;

/** Nodes that never come for the files of a run. */
export function awaitedContract(open: OpenLedgerWorld): void {
  let world: LedgerWorld;
  let ledger: Ledger;
  beforeEach(async () => {
    world = await open();
    ledger = world.ledger;
  });
  afterEach(async () => {
    await world.close();
  });
  const register = async (overrides: Partial<RunIdentity> = {}, awaited = true) => {
    const identity = aRunIdentity({ nodes, ...overrides });
    const run = { identity, restarts: 0, sluid: undefined, endsAt: undefined, bundles: ['db'] };
    await ledger.registerRun({ run, awaited, at: start });
    return identity;
  };
  const asks = (identity: RunIdentity, attach: string, ms = 0, bundle = 'db') =>
    ledger.beginSession(
      aStaticSession({ identity, holders: identity.nodes, attach, bundle, at: start + ms }),
    );
  const see = (ms: number, running: readonly RunIdentity[], others: readonly RunIdentity[] = []) => {
    const workloads = (all: readonly RunIdentity[]) => all.map(({ workload }) => workload);
    const said = { running: workloads(running), others: workloads(others) };
    return ledger.seeRunning({ ...said, silenceMs, waitMs, at: start + ms });
  };
  const decide = ({ workload, nodes }: RunIdentity, ms: number, limit = 16) =>
    ledger.recordAbsent({ workload, nodes, code: 'node_absent', limit, waitMs, at: start + ms });
  /** Until the wait is over, as of `from`. */
  const seeAll = async (run: RunIdentity, from = 0) => {
    for (let ms = 0; ms < waitMs; ms += 2_000) expect(await see(from + ms, [run])).toEqual([]);
    expect(await see(from + waitMs, [run])).toEqual([run.workload]);
  };
  const toCancel = async () =>
    (await ledger.listRunsToCancel({ cluster: 'hpc' })).map(({ identity }) => identity.workload);
  const nothing = { nodes: [], count: 0 };

  describe('a run whose nodes are awaited', () => {
    it('is one that was registered as such, and active', async () => {
      const run = await register({}, false);
      await asks(run, 'n1');
      for (let ms = 0; ms <= waitMs; ms += 2_000) expect(await see(ms, [run])).toEqual([]);
      expect(await decide(run, waitMs)).toEqual(nothing);
      // Registered again, it is as it was.
      await register();
      expect(await see(waitMs, [run])).toEqual([]);
      expect(await decide({ ...run, workload: 'run/hpc/99/1' }, waitMs)).toEqual(nothing);
      const over = await register({ jobId: 20 });
      await asks(over, 'n1');
      await seeAll(over);
      await ledger.beginRunEnd({ workload: over.workload, at: start });
      expect(await decide(over, waitMs)).toEqual(nothing);
      expect(await toCancel()).toEqual([]);
    });

    it('has waited only when it was said to run all the while', async () => {
      const run = await register();
      await asks(run, 'n1');
      expect(await see(0, [run])).toEqual([]);
      expect(await decide(run, waitMs)).toEqual(nothing);
      // A silence, then one report by which it does not run, then a clock that jumps, each way.
      expect(await see(silenceMs + 1, [run])).toEqual([]);
      expect(await see(waitMs + 1, [run])).toEqual([]);
      expect(await decide(run, waitMs + 1)).toEqual(nothing);
      expect(await see(waitMs + 2, [], [run])).toEqual([]);
      await seeAll(run, 20_000);
      expect(await see(40_000 + waitMs, [run])).toEqual([]);
      expect(await see(40_000, [run])).toEqual([]);
      expect(await decide(run, 40_000)).toEqual(nothing);
      await seeAll(run, 40_000);
      await ledger.restartWaits();
      expect(await decide(run, 40_000 + waitMs)).toEqual(nothing);
      await seeAll(run, 60_000);
      ledger = await world.reopen();
      expect(await see(61_000 + waitMs, [run])).toEqual([run.workload]);
      expect(await toCancel()).toEqual([]);
    });

    it('is not decided before one node has come, and had others wait as long for the rest', async () => {
      const run = await register();
      await seeAll(run);
      expect(await decide(run, waitMs)).toEqual(nothing);
      expect(await see(waitMs + 1, [run])).toEqual([]);
      await seeAll(run, waitMs);
      await asks(run, 'n2', waitMs + 7_000);
      expect(await decide(run, 2 * waitMs)).toEqual(nothing);
      expect(await see(2 * waitMs + 2_000, [run])).toEqual([]);
      expect(await see(2 * waitMs + 5_000, [run])).toEqual([]);
      expect(await see(2 * waitMs + 7_000, [run])).toEqual([run.workload]);
      expect(await decide(run, 2 * waitMs + 7_000)).toEqual({ nodes: ['n1', 'n3'], count: 2 });
    });

    it('misses nobody who was ever there, or has said that it has no files', async () => {
      const run = await register();
      const { session } = await asks(run, 'n1');
      await ledger.beginRevoke({
        session: session.id,
        end: { reason: 'admin', note: '', by: 'admin:ada' },
        tombstone: false,
        at: start,
      });
      await asks(run, 'n2', 0, 'other');
      const { workload } = run;
      const said = { workload, node: 'n3', code: 'locked', cancels: false, at: start } as const;
      await ledger.recordUndelivered(said);
      await seeAll(run);
      expect(await decide(run, waitMs)).toEqual(nothing);
      expect(await see(waitMs + 1_000, [run])).toEqual([]);
      expect(await toCancel()).toEqual([]);
    });

    it('misses those of its nodes that never were also where each node has a session of its own', async () => {
      const run = await register();
      for (const node of ['n1', 'n3'])
        await ledger.beginSession(aStaticSession({ identity: run, node, holders: [node], attach: node }));
      await seeAll(run);
      expect(await decide(run, waitMs)).toEqual({ nodes: ['n2'], count: 1 });
      expect(await toCancel()).toEqual([run.workload]);
    });

    it('is to be cancelled for those that never were, and decided once', async () => {
      const run = await register({ nodes: ['n4', 'n1', 'n2', 'n3'] });
      const other = await register({ jobId: 20 });
      await asks(run, 'n1');
      await asks(other, 'n1');
      await seeAll(run);
      expect(await decide(run, waitMs, 2)).toEqual({ nodes: ['n4', 'n2'], count: 3 });
      expect(await decide(run, waitMs)).toEqual(nothing);
      expect(await see(waitMs + 1_000, [run])).toEqual([]);
      expect(await toCancel()).toEqual([run.workload]);
      const { workload } = run;
      const said = { workload, node: 'n4', code: 'locked', cancels: false, at: start } as const;
      expect(await ledger.recordUndelivered(said)).toBe('known');
    });

    it('is waited for no longer once nobody knows which nodes came', async () => {
      const [run, unasked] = [await register(), await register({ jobId: 20 })];
      await asks(run, 'n1');
      await seeAll(run);
      await ledger.stopAwaiting();
      await ledger.stopAwaiting();
      expect(await see(waitMs + 1_000, [run, unasked])).toEqual([]);
      expect(await see(2 * waitMs, [run, unasked])).toEqual([]);
      expect(await decide(run, 2 * waitMs)).toEqual(nothing);
      expect(await toCancel()).toEqual([]);
    });

    it('is waited for no longer where it is named, and others are', async () => {
      const [run, other] = [await register(), await register({ jobId: 20 })];
      await asks(run, 'n1');
      await asks(other, 'n1');
      await ledger.stopAwaiting({ workloads: [run.workload, 'run/hpc/99/1'] });
      await ledger.stopAwaiting({ workloads: [] });
      await seeAll(other);
      expect(await see(waitMs, [run, other])).toEqual([other.workload]);
      expect(await decide(run, waitMs)).toEqual(nothing);
    });

    it('is waited for no longer once it has ended and is pruned', async () => {
      const run = await register();
      await see(0, [run]);
      await ledger.endRun({ workload: run.workload, at: start });
      await ledger.prune({ endedBefore: start + 1, limit: 10 });
      await register({}, false);
      expect(await see(waitMs, [run])).toEqual([]);
      expect(await see(waitMs + 1_000, [run])).toEqual([]);
    });
  });
}
