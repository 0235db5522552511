import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { callHealth } from '../support/call-health.ts';
import { runLeasehold } from '../support/leasehold-process.ts';
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

/** One of two brokers loses its way to the secret backend, which goes on answering the other. */
describeWith(['vault', 'postgres', 'kubernetes'], 'a broker that is cut from the backend', () => {
  let split: SplitSite;
  beforeAll(async () => {
    split = await startSplitSite();
  });
  afterAll(() => split[Symbol.asyncDispose]());
  afterEach(() => split.heal('backend'));

  const isCutOff = () => split.metric('leasehold_cut_off', 'from="backend"');
  const health = async () => {
    const ca = await readFile(split.site.files.ca, 'utf8');
    using caller = callHealth({ address: split.split.workloads, ca });
    return await caller.check();
  };

  it.each<Cut>(['refused', 'silent'])(
    'hands over what it holds and what is to be revoked, and issues nothing: %s',
    async (how) => {
      const [keeps, told] = [`keeps-${how}`, `told-${how}`];
      const [kept, revoked] = await split.holdAtSplit(keeps, told);
      const lapseAt = lapseOfNow();
      for (const pod of [keeps, told]) expect(await split.heldAt(pod)).toBe(split.split.workloads);
      split.cut('backend', how);

      // Asked of the very broker that cannot do it.
      const asked = runLeasehold([
        ...['revoke', '--pod', `shop/${told}`, '--reason', 'drill', '--yes', '--wait', '60s'],
        ...split.split.connection,
      ]);
      const end = await split.askAtSplit();
      expect(['backend_unavailable', 'backend_timeout', 'backend_lost_reply']).toContain(end.code);
      await waitFor('it to be noticed', async () => (await isCutOff()) === 1, patienceMs);
      await waitFor('it to say so', async () => (await split.readyz()) === 503, patienceMs);
      expect(await health()).toBe('NOT_SERVING');
      expect(await split.askAtSplit()).toMatchObject({ code: 'backend_unavailable' });

      await split.pods.seen(kept.holder, 'it to be held elsewhere', async () => {
        return (await split.heldAt(keeps)) === split.site.files.workloads;
      });
      const { status, stdout, stderr } = await asked;
      expect(status, stdout + stderr).toBe(0);
      expect(await split.pods.isGone(revoked.login)).toBe(true);
      await split.pods.seen(revoked.holder, 'the files to go', async () => {
        return (await revoked.holder.list()).length === 0;
      });
      await expectHeldOn(split, kept, lapseAt);

      split.heal('backend');
      await expectHealed(split, { keeps, told, kept, at: split.site.files.workloads });
      await waitFor('it to say that it is well', async () => (await split.readyz()) === 200, patienceMs);
      expect(await isCutOff()).toBe(0);
      expect(await health()).toBe('SERVING');
      expect(await split.records(told, 'revoke')).toMatchObject([{ outcome: 'ok', reason: 'admin: drill' }]);
      // There, and at the one that took it over.
      expect((await split.records(keeps, 'open')).length).toBeGreaterThanOrEqual(2);
    },
  );
});
