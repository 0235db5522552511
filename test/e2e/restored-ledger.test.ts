import { copyFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { valueAt } from '../support/json.ts';
import { waitFor } from '../support/parts/wait-until-ready.ts';
import { describeWith } from '../support/require.ts';
import { answerOf, connectCaller, hello, open } from './caller.ts';
import { createPods } from './pods.ts';
import { type Site, startSite } from './site.ts';
import { audience } from './site-files.ts';

/** A broker process that is killed, and started on a copy of its ledger from before people took something back. */
describeWith(['vault', 'postgres', 'kubernetes'], "with yesterday's copy of the ledger", () => {
  const owned = new AsyncDisposableStack();
  let site: Site;
  const pods = createPods(() => site);

  beforeAll(async () => {
    site = owned.use(await startSite());
  });
  afterAll(() => owned.disposeAsync());
  beforeEach((context) => {
    context.onTestFailed(() => void process.stderr.write(`${site.brokerOutput()}\n`));
  });

  const ledgerFiles = () => {
    const file = join(dirname(site.files.brokerConfig), 'ledger.sqlite');
    return [file, `${file}-wal`];
  };
  const administer = async (...args: readonly string[]) => {
    const ran = await site.command(...args);
    expect(ran.status, ran.stdout + ran.stderr).toBe(0);
    return ran.stdout;
  };
  const refusalOf = async (pod: Awaited<ReturnType<typeof pods.run>>) => {
    const token = await site.one.createBoundToken({ ...pod, audience });
    // A pod's own sidecar asks again by itself, and of two streams of one pod the newer is served.
    for (let attempts = 0; attempts < 5; attempts += 1) {
      using caller = await connectCaller(site.files);
      caller.send(hello(token));
      caller.send(open('app'));
      if ((await answerOf(caller, 'refused')).code !== 'taken_over')
        return (await caller.event('refused')).code;
    }
    throw new Error('the pod’s own sidecar was faster each time');
  };
  const appliedRecords = async () =>
    (await site.auditRecords()).filter((record) => valueAt(record, 'action') === 'restore_apply');

  it('what was revoked and locked since stays so, and who holds something else goes on', async () => {
    const [stolen, bystander, suspect] = [
      await pods.run('stolen'),
      await pods.run('bystander'),
      await pods.run('suspect'),
    ];
    await using thief = await pods.hold(stolen);
    await using other = await pods.hold(bystander);
    const [taken, kept] = [await pods.loginOf(thief), await pods.loginOf(other)];
    await site.killAndRestartBroker(async () => {
      for (const file of ledgerFiles()) await copyFile(file, `${file}.copy`);
    });
    await administer('revoke', '--pod', 'shop/stolen', '--reason', 'stolen', '--yes');
    await administer('lock', 'add', '--pod', 'shop/suspect', '--reason', 'incident', '--yes');
    expect(await refusalOf(stolen)).toBe('tombstoned');
    expect(await refusalOf(suspect)).toBe('locked');

    await site.killAndRestartBroker(async () => {
      for (const file of ledgerFiles()) {
        await rm(file);
        await copyFile(`${file}.copy`, file);
      }
    });
    expect(await refusalOf(stolen)).toBe('tombstoned');
    expect(await refusalOf(suspect)).toBe('locked');
    expect(await administer('lock', 'list')).toContain('incident');
    expect(await appliedRecords()).toMatchObject([
      {
        outcome: 'ok',
        actor: 'broker',
        count: 3,
        reason: expect.stringContaining(
          'locks added 1, locks removed 0, tombstones added 1, tombstones lifted 0, sessions ended 1',
        ) as unknown,
      },
    ]);
    expect(await site.brokerLog()).toContain('the ledger is older than the audit log');
    // Gone before the restore; the copy had it for live.
    await waitFor('the session of the copy to end', async () => {
      const { stdout } = await site.command('session', 'list', '--pod', 'shop/stolen', '-o', 'json');
      const sessions: unknown = valueAt(JSON.parse(stdout), 'sessions');
      return Array.isArray(sessions) && sessions.length === 0;
    });
    expect(await pods.isGone(taken)).toBe(true);
    expect(await pods.canLogin(kept)).toBe(true);
    expect(await other.readLogin()).toEqual(kept);

    await site.killAndRestartBroker();
    expect(await appliedRecords()).toHaveLength(1);
    expect(await refusalOf(suspect)).toBe('locked');
    expect((await site.verifyAudit()).status).toBe(0);
  });
});
