import { randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { FaultProxy } from '../support/fault-proxy.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { runLeasehold } from '../support/leasehold-process.ts';
import { vaultPaths } from '../support/parts/vault-with-postgres.ts';
import { describeWith } from '../support/require.ts';
import type { Holder } from './holder.ts';
import { startHolder } from './holder.ts';
import type { Sink } from './leak-search.ts';
import { fileSinks, findLeaks, pidOf, processSinks, textSink } from './leak-search.ts';
import { createPods } from './pods.ts';
import type { Site } from './site.ts';
import { startSite } from './site.ts';

const canary = (what: string): string => `canary-${what}-${randomBytes(18).toString('hex')}`;

/** Where the site itself has put what may be secret: what the broker reads, and what was delivered. */
const isPlaced = (file: string): boolean =>
  /\/(vault-token|token|audit\.key|garbage|[a-z-]*key\.pem)$/.test(file) || /\/secrets\//.test(file);

/** The last line of a key that is nothing but key. */
const keyLine = (file: string): string => readFileSync(file, 'utf8').trim().split('\n').at(-2) ?? '';

const folderOf = (holder: Holder): string => readlinkSync(`/proc/${holder.process.pid}/cwd`);

describeWith(['vault', 'postgres', 'kubernetes'], 'secrets', () => {
  let site: Site;
  let faults: FaultProxy;
  const pods = createPods(() => site);
  beforeAll(async () => {
    site = await startSite({ wayToVault: async (address) => (faults = await startFaultProxy(address)) });
  });
  afterAll(async () => {
    await site[Symbol.asyncDispose]();
  });

  it('are found by the search, in every spelling', () => {
    const value = canary('control');
    const written = ['', 'x', 'xy'].flatMap((before) => {
      const bytes = Buffer.from(`${before}${value}~~`);
      return (['utf8', 'hex', 'base64', 'base64url'] as const).map((encoding) =>
        textSink(`${encoding} after ${before.length}`, bytes.toString(encoding)),
      );
    });
    const found = findLeaks(written, { value }).map((line) => line.split(' in ')[1]);
    expect(new Set(found)).toEqual(new Set(written.map(({ name }) => name)));
    expect(findLeaks(written, { another: canary('control') })).toEqual([]);
  });

  it('stand nowhere but in the delivered files through a whole life, errors included', async () => {
    const folder = dirname(site.files.audit);
    const at = (name: string) => join(folder, name);
    const brokerSaid = (code: string) => async () => readFileSync(at('broker.log'), 'utf8').includes(code);
    const values = { username: canary('kv-user'), password: canary('kv-password') };
    const garbage = canary('garbage');
    const refusal = canary('refusal');
    await site.parts.writeSecret(vaultPaths.exampleSecret, values);
    await writeFile(at('garbage'), garbage, { mode: 0o600 });

    const outputs: Sink[] = [];
    const command = async (status: number, ...args: readonly string[]) => {
      const ran = await runLeasehold(args);
      outputs.push(textSink(`leasehold ${args[0] ?? ''}`, ran.stdout + ran.stderr));
      expect(ran.status, ran.stderr).toBe(status);
    };
    const asAdmin = (status: number, ...args: readonly string[]) =>
      command(status, ...args, ...site.files.connection);
    const running: Sink[] = [];
    const folders = new Set([folder]);
    const watch = (holder: Holder) => {
      folders.add(folderOf(holder));
      running.push(...processSinks(holder.process.pid));
    };

    // Delivered, rotated.
    await using holder = await pods.hold(await pods.run('canary'));
    watch(holder);
    const token = readFileSync(join(folderOf(holder), 'token'), 'utf8');
    const first = await pods.loginOf(holder);
    await asAdmin(0, 'rotate', '--pod', 'shop/canary', '--reason', 'canary', '--yes');
    const second = await pods.loginOf(holder, ({ username }) => username !== first.username);

    // Refused.
    await using stranger = await startHolder({ site: site.files, token: garbage });
    watch(stranger);
    await pods.seen(stranger, 'the refusal', async () =>
      stranger.process.lastOutput().includes('credential_malformed'),
    );
    await asAdmin(1, 'explain', '--bundle', 'app', '--token-file', at('garbage'));

    // Denied, failed and answered with something else by the backend, each with a text that quotes a secret.
    const answers = [
      ['backend_denied', 403, JSON.stringify({ errors: [refusal] })],
      ['backend_rejected', 500, JSON.stringify({ errors: [refusal], data: { password: refusal } })],
      ['backend_lost_reply', 502, `<html>${refusal}</html>`],
    ] as const;
    await using unlucky = await startHolder({
      site: site.files,
      token: await site.one.createBoundToken({ ...(await pods.run('unlucky')), audience: 'leasehold' }),
    });
    watch(unlucky);
    for (const [code, status, body] of answers) {
      faults.set(({ path }) =>
        path.startsWith('/v1/auth/token/lookup-self')
          ? undefined
          : { kind: 'answer', status, body, headers: { 'x-vault-token': refusal, warning: refusal } },
      );
      await pods.seen(unlucky, code, brokerSaid(code));
      await command(
        1,
        ...['setup', 'check', '--config', site.files.brokerConfig, '--token-file', at('garbage')],
      );
    }
    faults.set();

    // A template that cannot be filled with the value it gets.
    const policy = readFileSync(at('policy.yaml'), 'utf8');
    const unfit = policy.replace(
      /kv\.json:\n\s+secret: kv\n\s+format: json/,
      'kv.json: { template: "{{ kv.password | base64decode }}" }',
    );
    expect(unfit).not.toBe(policy);
    await writeFile(at('policy.yaml'), unfit);
    await pods.seen(holder, 'the policy', async () =>
      (await site.auditRecords()).some((record) => JSON.stringify(record).includes('policy_reload')),
    );
    await using torn = await pods.hold(await pods.run('torn'));
    watch(torn);
    await pods.seen(torn, 'the failed delivery', async () =>
      torn.process.lastOutput().includes('delivery_failed'),
    );

    await asAdmin(0, 'session', 'list', '--output', 'json');
    running.push(
      textSink('/metrics', await (await fetch(`${site.files.http}/metrics`)).text()),
      ...processSinks(pidOf(site.files.brokerConfig)),
    );
    // The search works on real files: what is delivered is found where it is delivered.
    const delivered = fileSinks(join(folderOf(holder), 'secrets'));
    const inFiles = { 'the rotated password': second.password, 'a KV value': values.password };
    for (const what of Object.keys(inFiles))
      expect(findLeaks(delivered, inFiles).join('\n')).toContain(`${what} (plain) in `);

    // Taken back.
    await asAdmin(0, 'revoke', '--pod', 'shop/canary', '--reason', 'canary', '--yes', '--wait', '30s');
    await command(0, 'audit', 'show', site.files.audit, '--output', 'json');

    const used = [...new Set(faults.seen.flatMap(({ token: sent }) => (sent === undefined ? [] : [sent])))];
    // The broker's own, and one for each lease set and each reading of static secrets.
    expect(used.filter((sent) => sent !== garbage).length).toBeGreaterThanOrEqual(4);
    const canaries: Readonly<Record<string, string>> = {
      ...inFiles,
      'a password': first.password,
      'another KV value': values.username,
      "a pod's token": token,
      "the signature of a pod's token": token.split('.')[2] ?? '',
      'a refused token': garbage,
      "the backend's text": refusal,
      ...Object.fromEntries(used.map((sent, index) => [`backend token ${index}`, sent])),
      "the broker's key": keyLine(at('server-key.pem')),
      "the administrator's key": keyLine(at('admin-key.pem')),
      'the key of the audit log': readFileSync(at('audit.key'), 'utf8'),
    };
    const written = [...folders].flatMap((one) => fileSinks(one, (file) => !isPlaced(file)));
    const names = written.map(({ name }) => name).join('\n');
    for (const expected of ['broker.log', 'sidecar.log', 'audit.log', 'ledger.sqlite', 'ledger.sqlite-wal'])
      expect(names).toContain(`/${expected}`);
    const saysMost = ({ name, bytes }: Sink) => name.endsWith('/sidecar.log') && bytes.includes('"level":20');
    expect(written.some(saysMost)).toBe(true);
    expect(findLeaks([...running, ...outputs, ...written], canaries)).toEqual([]);
  });
});
