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

/** One of two brokers does not hear of pods any more, and must take silence for nothing but silence. */
describeWith(['vault', 'postgres', 'kubernetes'], 'a broker that is cut from the API server', () => {
  let split: SplitSite;
  beforeAll(async () => {
    split = await startSplitSite({ cluster: { staleAfterSeconds: 10, lostAfterSeconds: 600 } });
  });
  afterAll(() => split[Symbol.asyncDispose]());
  afterEach(() => split.heal('api'));

  it.each<Cut>(['refused', 'silent'])(
    'begins nothing, keeps and renews what it holds, and the other ends what has ended: %s',
    async (how) => {
      const [keeps, told] = [`keeps-${how}`, `told-${how}`];
      const [kept, ends] = await split.holdAtSplit(keeps, told);
      const lapseAt = lapseOfNow();
      split.cut('api', how);

      await waitFor('its view to be old', async () => (await split.readyz()) === 503, patienceMs);
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
      await expectHealed(split, { keeps, told, kept, at: split.split.workloads });
      await waitFor('its view to be new', async () => (await split.readyz()) === 200, patienceMs);
      expect(await split.records(keeps, 'settle')).toEqual([]);
    },
  );
});
