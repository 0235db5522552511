import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { waitFor } from '../support/parts/wait-until-ready.ts';
import { describeWith } from '../support/require.ts';
import {
  type Cut,
  expectHealed,
  expectHeldOn,
  lapseOfNow,
  patienceMs,
  startSplitSite,
  type SplitSite,
} from './split-site.ts';

/** One of two brokers loses the ledger, in which nothing of what it does can be recorded any more. */
describeWith(['vault', 'postgres', 'kubernetes'], 'a broker that is cut from the ledger', () => {
  let split: SplitSite;
  beforeAll(async () => {
    split = await startSplitSite();
  });
  afterAll(() => split[Symbol.asyncDispose]());
  afterEach(() => split.heal('ledger'));

  const isCutOff = () => split.metric('leasehold_cut_off', 'from="ledger"');
  const accountsMade = async () =>
    (await split.site.vaultRequests()).filter((path) => path.startsWith('database/creds')).length;

  it.each<Cut>(['refused', 'silent'])(
    'issues nothing, and its holders go on at the other: %s',
    async (how) => {
      const [keeps, told] = [`keeps-${how}`, `told-${how}`];
      const [kept, revoked] = await split.holdAtSplit(keeps, told);
      const lapseAt = lapseOfNow();
      for (const pod of [keeps, told]) expect(await split.heldAt(pod)).toBe(split.split.workloads);
      const made = await accountsMade();
      split.cut('ledger', how);

      // It cannot be told of this, and finds out with everything else.
      const asked = split.site.command(
        ...['revoke', '--pod', `shop/${told}`, '--reason', 'drill', '--yes', '--wait', '60s'],
      );
      expect(await split.askAtSplit()).toMatchObject({ code: 'ledger_unavailable' });
      await split.pods.seen(kept.holder, 'it to be held elsewhere', async () => {
        return (await split.heldAt(keeps)) === split.site.files.workloads;
      });
      // A holder whose word could not be recorded goes before the broker knows that it is cut off.
      await waitFor('it to know', async () => (await isCutOff()) === 1, patienceMs);
      expect(await split.askAtSplit()).toMatchObject({ code: 'ledger_unavailable' });
      const { status, stdout, stderr } = await asked;
      expect(status, stdout + stderr).toBe(0);
      expect(await split.pods.isGone(revoked.login)).toBe(true);
      await split.pods.seen(revoked.holder, 'the files to go', async () => {
        return (await revoked.holder.list()).length === 0;
      });
      await expectHeldOn(split, kept, lapseAt);
      expect(await accountsMade()).toBe(made);

      split.heal('ledger');
      await expectHealed(split, { keeps, told, kept, at: split.site.files.workloads });
      expect(await split.records(told, 'revoke')).toMatchObject([{ outcome: 'ok', reason: 'admin: drill' }]);
      expect((await split.records(keeps, 'open')).length).toBeGreaterThanOrEqual(2);
    },
  );
});
