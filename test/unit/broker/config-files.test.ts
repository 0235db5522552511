import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { checkBrokerConfig } from '../../../src/broker/check-config.ts';
import { loadBrokerConfig } from '../../../src/broker/config.ts';
import { createTempFolder } from '../../support/temp-folder.ts';
import { fullPolicy } from '../policy/policy-text.ts';
import { fullBroker, leastBroker } from './broker-text.ts';

const folders: AsyncDisposable[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await folder[Symbol.asyncDispose]();
});

/** A folder with all that the least broker.yaml names. */
const place = async (text = leastBroker): Promise<{ readonly folder: string; readonly file: string }> => {
  const folder = await createTempFolder({ name: 'config' });
  folders.push(folder);
  const write = (name: string, content: string, mode: number) =>
    writeFile(join(folder.path, name), content, { mode });
  for (const name of ['b', 'k', 'token', 'audit.key']) await write(name, 'hunter2', 0o600);
  for (const name of ['a', 'c', 'jwks.json']) await write(name, 'hunter2', 0o644);
  await write('policy.yaml', fullPolicy, 0o644);
  await write('broker.yaml', text, 0o644);
  return { folder: folder.path, file: join(folder.path, 'broker.yaml') };
};

describe('loadBrokerConfig', () => {
  it.each([
    ['a', 'workloads.tls.certificate: the file cannot be read (ENOENT)'],
    ['b', 'admin.tls.key: the file cannot be read (ENOENT)'],
    ['c', 'admin.tls.clientCa: the file cannot be read (ENOENT)'],
    ['jwks.json', 'clusters[0].keys.file: the file cannot be read (ENOENT)'],
    ['k', 'clusters[0].api.kubeconfig: the file cannot be read (ENOENT)'],
    ['token', 'backend.vault.auth.tokenFile: the file cannot be read (ENOENT)'],
    ['audit.key', 'audit.hmacKeyFile: the file cannot be read (ENOENT)'],
    ['policy.yaml', 'policy.file: the file cannot be read (ENOENT)'],
    ['broker.yaml', 'broker.yaml: cannot be read (ENOENT)'],
  ])('refuses to start without %s', async (name, expected) => {
    const { folder, file } = await place();
    await rm(join(folder, name));
    await expect(loadBrokerConfig(file)).rejects.toMatchObject({
      code: 'config_invalid',
      detail: expect.stringContaining(expected) as string,
    });
  });

  it.each([
    ['b', 0o644, 'workloads.tls.key: must be closed to others (no permission bit of 0007)'],
    ['audit.key', 0o604, 'audit.hmacKeyFile: must be closed to others (no permission bit of 0007)'],
    ['token', 0o644, 'backend.vault.auth.tokenFile: must be closed to others (no permission bit of 0007)'],
    ['a', 0o666, 'workloads.tls.certificate: must be closed to others (no permission bit of 0002)'],
    ['policy.yaml', 0o666, 'policy.file: must be closed to others (no permission bit of 0002)'],
    ['broker.yaml', 0o666, 'broker.yaml: must not be writable by everyone'],
  ])('refuses %s with mode %o', async (name, mode, expected) => {
    const { folder, file } = await place();
    await chmod(join(folder, name), mode);
    await expect(loadBrokerConfig(file)).rejects.toMatchObject({
      detail: expect.stringContaining(expected) as string,
    });
  });

  it('refuses a folder where a file should be, and a ledger that others can read', async () => {
    const { folder, file } = await place();
    await rm(join(folder, 'a'));
    await mkdir(join(folder, 'a'));
    await writeFile(join(folder, 'ledger.sqlite'), '', { mode: 0o644 });
    await expect(loadBrokerConfig(file)).rejects.toMatchObject({
      detail: [
        'workloads.tls.certificate: is not a file',
        'admin.tls.certificate: is not a file',
        'ledger.sqlite.file: must be closed to others (no permission bit of 0077)',
      ].join('\n'),
    });
  });

  it('refuses a ledger in a folder that does not exist', async () => {
    const { file } = await place(leastBroker.replace('file: ledger.sqlite', 'file: none/ledger.sqlite'));
    await expect(loadBrokerConfig(file)).rejects.toMatchObject({
      detail: 'ledger.sqlite.file: the file cannot be made in its folder (ENOENT)',
    });
  });

  it('gives the configuration when every file is in order', async () => {
    const { folder, file } = await place();
    await expect(loadBrokerConfig(file)).resolves.toMatchObject({
      policy: { file: join(folder, 'policy.yaml') },
    });
  });
});

describe('checkBrokerConfig', () => {
  it('says what is configured, without the content of any file', async () => {
    const { folder, file } = await place();
    const check = await checkBrokerConfig(file);
    expect(check.problems).toEqual([]);
    expect(check.summary).toEqual([
      'workloads on 0.0.0.0:8443, admin on 127.0.0.1:8444, http on 127.0.0.1:9090',
      'clusters: prod',
      'backend: vault at http://127.0.0.1:8200',
      `ledger: SQLite in ${folder}/ledger.sqlite`,
      expect.stringMatching(/^policy [0-9a-f]{12}: 2 bundles, 2 grants$/),
    ]);
  });

  it('names the problems of files and policy together', async () => {
    const { folder, file } = await place();
    await rm(join(folder, 'token'));
    await writeFile(join(folder, 'policy.yaml'), fullPolicy.replace('ttl: 2m', 'ttl: hunter2'));
    expect(await checkBrokerConfig(file)).toEqual({
      summary: [],
      problems: [
        'backend.vault.auth.tokenFile: the file cannot be read (ENOENT)',
        expect.stringMatching(
          /^policy: bundles\.static\.ttl: must be a number with one of the units/,
        ) as string,
      ],
    });
  });

  it('says how often canaries are sent, and to how many paths', async () => {
    const asked = leastBroker.replace('{ tokenFile: token } }', '{ tokenFile: token } }, canary: {}');
    const { file } = await place(asked);
    expect((await checkBrokerConfig(file)).summary).toContain('canaries: one every 1h at each of 1 paths');
  });

  it('names a path for canaries that no bundle leases from, a static one among them', async () => {
    const paths = '[database/creds/nobody, database/creds/app, secret/data/app]';
    const asked = leastBroker.replace(
      '{ tokenFile: token } }',
      `{ tokenFile: token } }, canary: { paths: ${paths} }`,
    );
    const { file } = await place(asked);
    expect(await checkBrokerConfig(file)).toEqual({
      summary: [],
      problems: [
        'backend.canary.paths[0]: no bundle of the policy leases from this path',
        'backend.canary.paths[2]: no bundle of the policy leases from this path',
      ],
    });
  });

  it('names the problems of broker.yaml, and of a broker.yaml that is not there', async () => {
    const { folder, file } = await place(fullBroker.replace('8443', 'hunter2'));
    expect((await checkBrokerConfig(file)).problems).toEqual([expect.stringMatching(/^workloads\.listen: /)]);
    expect((await checkBrokerConfig(join(folder, 'none'))).problems).toEqual([
      expect.stringContaining('none: cannot be read (ENOENT)'),
    ]);
  });

  it('names what the broker would refuse in its environment, before anything else', async () => {
    const { folder, file } = await place();
    await rm(join(folder, 'token'));
    const env = { VAULT_SKIP_VERIFY: 'hunter2', GRPC_TRACE: 'all' };
    expect(await checkBrokerConfig(file, env)).toEqual({
      summary: [],
      problems: [
        'environment variable VAULT_SKIP_VERIFY: must not be set',
        'environment variable GRPC_TRACE: must not be set',
        'backend.vault.auth.tokenFile: the file cannot be read (ENOENT)',
      ],
    });
  });
});
