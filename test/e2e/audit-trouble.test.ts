import { open as openFile, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { valueAt } from '../support/json.ts';
import { waitFor } from '../support/parts/wait-until-ready.ts';
import { describeWith } from '../support/require.ts';
import { mountSmallDisk } from '../support/small-disk.ts';
import { answerOf, connectCaller, hello } from './caller.ts';
import { createPods } from './pods.ts';
import { type Site, startSite } from './site.ts';
import { audience } from './site-files.ts';

/** A broker whose audit log goes wrong: nothing is issued without a record, and what is taken back is recorded when it can be. */
describeWith(['vault', 'postgres', 'kubernetes'], 'with an audit log in trouble', () => {
  const owned = new AsyncDisposableStack();
  let site: Site;
  let disk = '';
  const pods = createPods(() => site);

  beforeAll(async () => {
    const mounted = await mountSmallDisk(1_024);
    if (mounted === undefined)
      throw new Error('this suite fills a disk of its own, which needs the right to mount');
    disk = owned.use(mounted).path;
    site = owned.use(await startSite({ audit: { folder: disk, maxWaitMs: 3_000 } }));
  });
  afterAll(() => owned.disposeAsync());
  afterEach(() => rm(filler(), { force: true }));
  beforeEach((context) => {
    context.onTestFailed(() => void process.stderr.write(`${site.brokerOutput()}\n`));
  });

  const filler = () => join(disk, 'filler');
  const metric = async (name: string): Promise<number> => {
    const text = await (await fetch(`${site.files.http}/metrics`)).text();
    return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? ([0-9.e+]+)$`, 'm').exec(text)?.[1] ?? 0);
  };
  const tokenOf = async (name: string) => site.one.createBoundToken({ ...(await pods.run(name)), audience });
  /** How the first message of a new holder is answered. */
  const attach = async (token: string) => {
    using caller = await connectCaller(site.files);
    const begun = performance.now();
    caller.send(hello(token));
    const { code, retryAfterMs } = await answerOf(caller, 'welcome');
    return { code, retryAfterMs, ms: performance.now() - begun };
  };
  /** What Vault was asked to make. Not the tokens: static secrets are read with a new one at every refresh, whatever else happens. */
  const issued = async () =>
    (await site.vaultRequests()).filter((path) => path.startsWith('database/creds/'));
  const expectNothingIssued = async (token: string) => {
    const before = await issued();
    expect((await attach(token)).code).toBe('audit_unavailable');
    expect(await issued()).toEqual(before);
  };
  /** Everybody is served again, and the log has no gap. */
  const expectWell = async (token: string) => {
    await waitFor('the broker to serve again', async () => (await attach(token)).code === 'ok', 60_000);
    await waitFor('nothing to be owed', async () => (await metric('leasehold_audit_records_owed')) === 0);
    const verify = await site.verifyAudit();
    expect(verify.status, verify.stdout + verify.stderr).toBe(0);
  };

  it('that is full issues nothing, revokes with proof, and has records of it all once there is room', async () => {
    await using holder = await pods.hold(await pods.run('held'));
    const login = await pods.loginOf(holder);
    const next = await tokenOf('next');
    const fill = async () => {
      await using file = await openFile(filler(), 'a');
      for (const bytes of [65_536, 4_096, 1])
        for (;;) {
          const took = await file.write(Buffer.alloc(bytes)).catch(() => ({ bytesWritten: 0 }));
          if (took.bytesWritten < bytes) break;
        }
    };
    await fill();
    // Room that is left in the last page of the log itself.
    await waitFor('no record to fit', async () => (await attach(next)).code === 'audit_unavailable');
    await expectNothingIssued(next);
    expect(await metric('leasehold_audit_failures_total')).toBeGreaterThan(0);

    const revoked = await site.command(
      'revoke',
      '--pod',
      'shop/held',
      '--reason',
      'disk',
      '--yes',
      '-o',
      'json',
    );
    expect(revoked.status, revoked.stdout + revoked.stderr).toBe(0);
    expect(revoked.stdout).toContain('"confirmed"');
    await pods.seen(holder, 'the role to go', () => pods.isGone(login));
    expect(await metric('leasehold_audit_records_owed')).toBeGreaterThan(0);

    await rm(filler());
    await expectWell(next);
    const records = (await site.auditRecords()).filter((record) => valueAt(record, 'pod') === 'shop/held');
    for (const action of ['revoke', 'settle'])
      expect(records.find((record) => valueAt(record, 'action') === action)).toMatchObject({
        outcome: 'ok',
        happenedAt: expect.stringMatching(/^\d{4}-/) as unknown,
      });
  });

  it('that was edited gets no further record and issues nothing, until it is as it was', async () => {
    const token = await tokenOf('edited');
    const { audit } = site.files;
    const at = (await readFile(audit, 'utf8')).indexOf('"ok"');
    const put = async (text: string) => {
      await using file = await openFile(audit, 'r+');
      await file.write(text, at);
    };
    await put('"no"');
    // What was in the middle of a look comes first.
    await waitFor('the edit to be noticed', async () => (await attach(token)).code === 'audit_unavailable');
    const { size } = await stat(audit);
    await expectNothingIssued(token);
    expect((await stat(audit)).size).toBe(size);
    expect((await site.verifyAudit()).status).toBe(1);
    await put('"ok"');
    await expectWell(token);
  });

  it.each([
    ['moved away', async (file: string, aside: string) => rename(file, aside)],
    [
      'replaced by a copy with an end cut off',
      async (file: string, aside: string) => {
        await rename(file, aside);
        const lines = (await readFile(aside, 'utf8')).trimEnd().split('\n');
        await writeFile(file, `${lines.slice(0, -1).join('\n')}\n`, { mode: 0o600 });
      },
    ],
  ])('that was %s is not begun anew: nothing is issued until it is back', async (_how, spoil) => {
    const name = `gone-${_how.slice(0, 3)}`;
    const token = await tokenOf(name);
    const { audit } = site.files;
    const aside = join(disk, 'aside');
    await spoil(audit, aside);
    await waitFor('it to be noticed', async () => (await attach(token)).code === 'audit_unavailable');
    await expectNothingIssued(token);
    await rename(aside, audit);
    await expectWell(token);
  });
});
