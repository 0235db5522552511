import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { valueAt } from '../support/json.ts';
import { waitFor } from '../support/parts/wait-until-ready.ts';
import { describeWith } from '../support/require.ts';
import { type Cut, expectHeldOn, type SplitSite, startSplitSite } from './split-site.ts';

const ttlSeconds = 25;
/** Vault keeps a database account so much longer than its lease. */
const vaultExtraMs = 6_000;
const patienceMs = 60_000;

/** One of two brokers does not hear of pods any more, and must take silence for nothing but silence. */
describeWith(['vault', 'postgres', 'kubernetes'], 'a broker that is cut from the API server', () => {
  let split: SplitSite;
  beforeAll(async () => {
    split = await startSplitSite({
      bundle: { ttl: `${ttlSeconds}s`, maxTtl: '10m', overlap: '5s' },
      vault: { probationSeconds: 10 },
      cluster: { staleAfterSeconds: 10, lostAfterSeconds: 600 },
    });
  });
  afterAll(() => split[Symbol.asyncDispose]());
  afterEach(() => split.heal('api'));

  const readyz = async () => (await fetch(`${split.split.http}/readyz`)).status;

  it.each<Cut>(['refused', 'silent'])(
    'begins nothing, keeps and renews what it holds, and the other ends what has ended: %s',
    async (how) => {
      const [keeps, told] = [`keeps-${how}`, `told-${how}`];
      const kept = await split.holdAtSplit(keeps);
      const ends = await split.holdAtSplit(told);
      const lapseAt = Date.now() + ttlSeconds * 1000 + vaultExtraMs;
      split.cut('api', how);

      await waitFor('its view to be old', async () => (await readyz()) === 503, patienceMs);
      const { code } = await split.askAtSplit();
      expect(['workload_stale', 'identity_unavailable']).toContain(code);
      // The broker that holds it cannot know.
      await split.site.one.deletePod({ namespace: 'shop', name: told });
      await split.pods.seen(ends.holder, 'the files to go', async () => {
        return (await ends.holder.list()).length === 0;
      });
      await waitFor('the account to go', () => split.pods.isGone(ends.login), patienceMs);
      await expectHeldOn(split, kept, lapseAt);
      expect(await split.heldAt(keeps)).toBe(split.split.workloads);

      split.heal('api');
      await waitFor('it to serve again', async () => (await split.askAtSplit()).code === 'ok', patienceMs);
      expect(await readyz()).toBe(200);
      for (const pod of [keeps, told]) expect(await split.issuedFor(pod)).toBe(1);
      expect(await kept.holder.readLogin()).toEqual(kept.login);
      expect(await split.heldAt(keeps)).toBe(split.split.workloads);

      const of = async (pod: string, action: string) =>
        (await split.records(pod)).filter((record) => valueAt(record, 'action') === action);
      expect(await of(told, 'settle')).toMatchObject([{ outcome: 'ok', settlement: 'confirmed' }]);
      expect(await of(keeps, 'issue')).toHaveLength(1);
      expect(await of(keeps, 'settle')).toEqual([]);
      await split.expectWholeLogs();
    },
  );
});
