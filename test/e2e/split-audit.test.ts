import { rename, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runLeasehold } from '../support/leasehold-process.ts';
import { waitFor } from '../support/parts/wait-until-ready.ts';
import { describeWith } from '../support/require.ts';
import {
  expectHealed,
  expectHeldOn,
  lapseOfNow,
  patienceMs,
  startSplitSite,
  type SplitSite,
} from './split-site.ts';

/** One of two brokers loses its audit log, while the other one's is well. */
describeWith(['vault', 'postgres', 'kubernetes'], 'a broker whose audit log alone is broken', () => {
  let split: SplitSite;
  beforeAll(async () => {
    split = await startSplitSite();
  });
  afterAll(() => split[Symbol.asyncDispose]());

  const isCutOff = () => split.metric('leasehold_cut_off', 'from="audit"');

  it('hands over what it holds, revokes, issues nothing, and owes no record', async () => {
    const [keeps, told] = ['keeps', 'told'];
    const [kept, revoked] = await split.holdAtSplit(keeps, told);
    const lapseAt = lapseOfNow();
    for (const pod of [keeps, told]) expect(await split.heldAt(pod)).toBe(split.split.workloads);
    const { audit } = split.split;
    await rename(audit, `${audit}.aside`);
    await writeFile(audit, '', { mode: 0o600 });

    // Asked of the very broker that cannot record it.
    const asked = runLeasehold([
      ...['revoke', '--pod', `shop/${told}`, '--reason', 'drill', '--yes', '--wait', '60s'],
      ...split.split.connection,
    ]);
    expect((await split.askAtSplit()).code).toBe('audit_unavailable');
    const { status, stdout, stderr } = await asked;
    expect(status, stdout + stderr).toBe(0);
    expect(await split.pods.isGone(revoked.login)).toBe(true);

    await waitFor('it to be noticed', async () => (await isCutOff()) === 1, patienceMs);
    await waitFor('it to say so', async () => (await split.readyz()) === 503, patienceMs);
    expect(await split.askAtSplit()).toMatchObject({ code: 'audit_unavailable' });
    await split.pods.seen(kept.holder, 'it to be held elsewhere', async () => {
      return (await split.heldAt(keeps)) === split.site.files.workloads;
    });
    await split.pods.seen(revoked.holder, 'the files to go', async () => {
      return (await revoked.holder.list()).length === 0;
    });
    await expectHeldOn(split, kept, lapseAt);

    await rename(`${audit}.aside`, audit);
    await expectHealed(split, { keeps, told, kept, at: split.site.files.workloads });
    await waitFor('it to say that it is well', async () => (await split.readyz()) === 200, patienceMs);
    expect(await isCutOff()).toBe(0);
    // Owed meanwhile, and written since; the other broker may have recorded the rest.
    await waitFor(
      'the record of the revocation',
      async () => (await split.records(told, 'revoke')).length > 0,
      patienceMs,
    );
    expect(await split.records(told, 'revoke')).toMatchObject([
      { outcome: 'ok', reason: 'admin: drill', happenedAt: expect.stringMatching(/Z$/) as unknown },
    ]);
  });
});
