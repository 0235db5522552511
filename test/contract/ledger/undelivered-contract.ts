import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunIdentity } from '../../../src/identity/identity.ts';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import { type LedgerWorld, type OpenLedgerWorld, start } from './ledger-world.ts';
import { aRunIdentity } from './runs-contract.ts';

/** Nodes that could not deliver the files of a run. */
export function undeliveredContract(open: OpenLedgerWorld): void {
  let world: LedgerWorld;
  let ledger: Ledger;
  beforeEach(async () => {
    world = await open();
    ledger = world.ledger;
  });
  afterEach(async () => {
    await world.close();
  });
  const register = async (overrides: Partial<RunIdentity> = {}) => {
    const identity = aRunIdentity(overrides);
    const run = { identity, restarts: 0, sluid: undefined, endsAt: undefined, bundles: ['db'] };
    await ledger.registerRun({ run, at: start });
    return identity.workload;
  };
  const say = (workload: string, node: string, cancels: boolean) =>
    ledger.recordUndelivered({ workload, node, code: 'delivery_no_space', cancels, at: start });
  const toCancel = async (cluster = 'hpc') =>
    (await ledger.listRunsToCancel({ cluster })).map(({ identity }) => identity.workload);

  describe('a node without the files of a run', () => {
    it('is kept once, and its first word stands', async () => {
      const workload = await register();
      expect(await say(workload, 'n1', false)).toBe('recorded');
      expect(await say(workload, 'n1', true)).toBe('known');
      expect(await toCancel()).toEqual([]);
      expect(await say(workload, 'n2', true)).toBe('recorded');
      ledger = await world.reopen();
      expect(await say(workload, 'n2', false)).toBe('known');
      expect(await toCancel()).toEqual([workload]);
      expect(await ledger.listRunsToCancel({ cluster: 'hpc' })).toEqual([await ledger.findRun(workload)]);
    });

    it('says nothing of runs that are not there, end or have ended', async () => {
      const workload = await register();
      expect(await say('run/hpc/99/1', 'n1', true)).toBe('unknown');
      await ledger.beginRunEnd({ workload, at: start });
      expect(await say(workload, 'n1', true)).toBe('over');
      await ledger.endRun({ workload, at: start });
      expect(await say(workload, 'n1', true)).toBe('over');
      expect(await toCancel()).toEqual([]);
    });

    it('has the job cancelled while the run is active, in the order of registration, in its own cluster', async () => {
      const [first, second] = [await register({ jobId: 20 }), await register()];
      const other = await register({ cluster: 'other' });
      for (const workload of [other, second, first]) await say(workload, 'n1', true);
      expect(await toCancel()).toEqual([first, second]);
      expect(await toCancel('other')).toEqual([other]);
      await ledger.beginRunEnd({ workload: first, at: start });
      expect(await toCancel()).toEqual([second]);
      const later = await register({ start: 1_800_000_500 });
      expect(await toCancel()).toEqual([]);
      expect(await say(later, 'n1', false)).toBe('recorded');
    });

    it('goes with its run', async () => {
      const workload = await register();
      await say(workload, 'n1', true);
      await ledger.endRun({ workload, at: start });
      await ledger.prune({ endedBefore: start + 1, limit: 10 });
      expect(await ledger.findRun(workload)).toBeUndefined();
      await register();
      expect(await toCancel()).toEqual([]);
      expect(await say(workload, 'n1', true)).toBe('recorded');
    });
  });
}
