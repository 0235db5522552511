import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { valueAt } from '../support/json.ts';
import { waitFor } from '../support/parts/wait-until-ready.ts';
import { describeWith } from '../support/require.ts';
import { type Cut, expectHeldOn, type SplitSite, startSplitSite } from './split-site.ts';

const ttlSeconds = 25;
/** Vault keeps a database account so much longer than its lease. */
const vaultExtraMs = 6_000;
const patienceMs = 60_000;

/** One of two brokers loses the ledger, in which nothing of what it does can be recorded any more. */
describeWith(['vault', 'postgres', 'kubernetes'], 'a broker that is cut from the ledger', () => {
  let split: SplitSite;
  beforeAll(async () => {
    split = await startSplitSite({
      bundle: { ttl: `${ttlSeconds}s`, maxTtl: '10m', overlap: '5s' },
      vault: { probationSeconds: 10 },
    });
  });
  afterAll(() => split[Symbol.asyncDispose]());
  afterEach(() => split.heal('ledger'));

  const accountsMade = async () =>
    (await split.site.vaultRequests()).filter((path) => path.startsWith('database/creds')).length;

  it.each<Cut>(['refused', 'silent'])(
    'issues nothing, and its holders go on at the other: %s',
    async (how) => {
      const [keeps, told] = [`keeps-${how}`, `told-${how}`];
      const kept = await split.holdAtSplit(keeps);
      const revoked = await split.holdAtSplit(told);
      const lapseAt = Date.now() + ttlSeconds * 1000 + vaultExtraMs;
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
      expect(await split.metric('leasehold_cut_off', 'from="ledger"')).toBe(1);
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
      await waitFor('it to serve again', async () => (await split.askAtSplit()).code === 'ok', patienceMs);
      expect(await split.issuedFor(keeps)).toBe(1);
      expect(await split.issuedFor(told)).toBe(1);
      expect(await kept.holder.readLogin()).toEqual(kept.login);
      expect(await split.heldAt(keeps)).toBe(split.site.files.workloads);

      const of = async (pod: string, action: string) =>
        (await split.records(pod)).filter((record) => valueAt(record, 'action') === action);
      expect(await of(told, 'revoke')).toMatchObject([{ outcome: 'ok', reason: 'admin: drill' }]);
      expect(await of(told, 'settle')).toMatchObject([{ outcome: 'ok', settlement: 'confirmed' }]);
      expect((await of(keeps, 'open')).length).toBeGreaterThanOrEqual(2);
      expect(await of(keeps, 'issue')).toHaveLength(1);
      await split.expectWholeLogs();
    },
  );
});
