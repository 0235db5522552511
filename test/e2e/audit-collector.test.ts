import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Collector, startCollector } from '../support/collector.ts';
import { valueAt } from '../support/json.ts';
import { runLeasehold } from '../support/leasehold-process.ts';
import { waitFor } from '../support/parts/wait-until-ready.ts';
import { describeWith } from '../support/require.ts';
import { createTempFolder } from '../support/temp-folder.ts';
import { answerOf, connectCaller, hello } from './caller.ts';
import { freeAddress, type OtherBroker, startOtherBroker } from './other-broker.ts';
import { createPods } from './pods.ts';
import { type Site, startSite } from './site.ts';
import { audience } from './site-files.ts';

/** A broker whose audit log is its standard output, read by a collector that can hang; and one that strangers flood. */
describeWith(['vault', 'postgres', 'kubernetes'], 'with a collector of audit records', () => {
  const owned = new AsyncDisposableStack();
  let site: Site;
  let broker: OtherBroker;
  let collector: Collector;
  let folder = '';
  const pods = createPods(() => site);

  beforeAll(async () => {
    site = owned.use(await startSite());
    folder = owned.use(await createTempFolder({ name: 'collector' })).path;
    const pipe = join(folder, 'records');
    collector = owned.use(await startCollector(pipe));
    broker = owned.use(
      await startOtherBroker(site.files, {
        folder,
        name: 'piped',
        workloads: await freeAddress(),
        stdoutFile: pipe,
        change: (config) => ({
          ...config,
          audit: {
            stdout: true,
            maxWaitMs: 3_000,
            hmacKeyFile: valueAt(config, 'audit', 'hmacKeyFile'),
          },
          ledger: { sqlite: { file: join(folder, 'ledger.sqlite') } },
        }),
      }),
    );
  });
  afterAll(() => owned.disposeAsync());
  afterEach(() => collector.goOn());
  beforeEach((context) => {
    context.onTestFailed(() => void process.stderr.write(`${broker.process.lastOutput()}\n`));
  });

  const owed = async (): Promise<number> => {
    const text = await (await fetch(`${broker.http}/metrics`)).text();
    return Number(/^leasehold_audit_records_owed ([0-9.e+]+)$/m.exec(text)?.[1]);
  };
  const attach = async (token: string) => {
    using caller = await connectCaller({ ...site.files, workloads: broker.workloads });
    caller.send(hello(token));
    return (await answerOf(caller, 'welcome')).code;
  };
  /** What Vault was asked to make. Not the tokens: static secrets are read with a new one at every refresh, whatever else happens. */
  const issued = async () =>
    (await site.vaultRequests()).filter((path) => path.startsWith('database/creds/'));
  const tokenOf = async (name: string) => site.one.createBoundToken({ ...(await pods.run(name)), audience });
  const records = () =>
    collector
      .text()
      .split('\n')
      .slice(0, -1)
      .map((line): unknown => JSON.parse(line));
  const expectWhole = async () => {
    const file = join(folder, 'collected.log');
    const text = collector.text();
    // A line may have been read in part.
    await writeFile(file, text.slice(0, text.lastIndexOf('\n') + 1));
    const verified = await runLeasehold(['audit', 'verify', file]);
    expect(verified.status, verified.stdout + verified.stderr).toBe(0);
  };

  it('that hangs nothing is issued, what is taken back is gone with proof, and no record is lost', async () => {
    await using holder = await pods.hold(await pods.run('held'), { brokers: [broker.workloads] });
    const login = await pods.loginOf(holder);
    const token = await tokenOf('next');
    await waitFor('it to serve', async () => (await attach(token)) === 'ok');
    collector.hang();
    await waitFor('the pipe to be full', async () => (await attach(token)) === 'audit_unavailable', 120_000);
    const before = await issued();
    expect(before).not.toEqual([]);
    expect(await attach(token)).toBe('audit_unavailable');
    expect(await issued()).toEqual(before);
    expect(await holder.readLogin()).toEqual(login);

    const revoked = await runLeasehold([
      ...['revoke', '--pod', 'shop/held', '--reason', 'drill', '--yes', '--output', 'json'],
      ...broker.connection,
    ]);
    expect(revoked.status, revoked.stdout + revoked.stderr).toBe(0);
    expect(revoked.stdout).toContain('"confirmed"');
    expect(await pods.isGone(login)).toBe(true);
    expect(await owed()).toBeGreaterThan(0);

    collector.goOn();
    await waitFor('it to serve again', async () => (await attach(token)) === 'ok', 60_000);
    await waitFor('nothing to be owed', async () => (await owed()) === 0);
    const of = (action: string) =>
      records().filter(
        (record) => valueAt(record, 'pod') === 'shop/held' && valueAt(record, 'action') === action,
      );
    await waitFor('the records to be read', async () => of('settle').length > 0);
    for (const action of ['revoke', 'settle']) {
      // More than one where the collector took it after its time was over.
      const found = of(action);
      expect(found).not.toEqual([]);
      for (const record of found)
        expect(record).toMatchObject({
          outcome: 'ok',
          happenedAt: expect.stringMatching(/^\d{4}-/) as unknown,
        });
    }
    await expectWhole();
  });

  it('is not filled by a flood of strangers, who are counted, and keeps nobody else waiting', async () => {
    const before = records().length;
    let flood = 0;
    let isServed = false;
    const stranger = async () => {
      while (!isServed || flood < 600) {
        flood += 1;
        expect(await attach(`no.token.${flood}`)).toBe('credential_malformed');
      }
    };
    const strangers = Promise.all(Array.from({ length: 16 }, stranger));
    try {
      await using holder = await pods.hold(await pods.run('honest'), { brokers: [broker.workloads] });
      await pods.loginOf(holder);
    } finally {
      isServed = true;
      await strangers;
    }
    const ofStrangers = () =>
      records()
        .slice(before)
        .filter((record) => valueAt(record, 'code') === 'credential_malformed');
    // In each window one by itself, and at its end a summary.
    const expectFew = () => {
      const summaries = ofStrangers().filter((record) => valueAt(record, 'action') === 'refused_summary');
      expect(ofStrangers().length).toBeLessThanOrEqual(2 * summaries.length + 1);
    };
    expectFew();
    const counted = () =>
      ofStrangers().reduce<number>((sum, record) => sum + Number(valueAt(record, 'count') ?? 1), 0);
    await waitFor('all of them to be counted', async () => counted() === flood, 90_000);
    expectFew();
    await expectWhole();
  });
});
