import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createVaultBackend } from '../../../../src/backend/vault/vault-backend.ts';
import { silentLog } from '../../../../src/platform/log.ts';
import type { KeyAndCertificate, TestCa } from '../../../support/certificates.ts';
import { createTestCa } from '../../../support/certificates.ts';
import type { TempFolder } from '../../../support/temp-folder.ts';
import { createTempFolder } from '../../../support/temp-folder.ts';
import { errors, goodSelf, json, startFakeVault } from './fake-vault.ts';
import { hastyClock, openBackend, tokenCanary } from './open-backend.ts';

const { signal } = new AbortController();
const healthy = { cluster_id: 'cluster-1', sealed: false };

describe('the connection to Vault', () => {
  let ca: TestCa;
  let folder: TempFolder;
  const before = { ...process.env };
  const closers: (() => Promise<void>)[] = [];
  beforeEach(async () => {
    ca = createTestCa();
    folder = await createTempFolder({ name: 'vault-tls' });
  });
  afterEach(async () => {
    for (const name of Object.keys(process.env))
      if (!(name in before)) Reflect.deleteProperty(process.env, name);
    for (const close of closers.splice(0).reverse()) await close();
    await folder.remove();
  });

  const serve = async ({ key, certificate }: KeyAndCertificate) => {
    const seen: string[] = [];
    const server = createServer({ key, cert: certificate }, (request, response) => {
      seen.push(request.url ?? '');
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ ...healthy, data: { ttl: 60, policies: ['p'] } }));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    });
    // A listening TCP server has an address with a port.
    return { address: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
  };
  const open = async (address: string, trusted: TestCa) => {
    const caFile = join(folder.path, 'ca.pem');
    await writeFile(caFile, trusted.certificate);
    const opened = await openBackend(address, { config: { ca: caFile } });
    closers.push(async () => opened[Symbol.asyncDispose]());
    return opened.backend;
  };

  it('works with a certificate of the configured authority', async () => {
    const { address } = await serve(ca.issueServer());
    const backend = await open(address, ca);
    expect(await backend.clusterId({ signal })).toBe('cluster-1');
  });

  it.each([
    ['of another authority', () => createTestCa().issueServer()],
    ['for another name', () => ca.issueServer({ names: ['vault.example'] })],
    ['that has expired', () => ca.issueServer({ notAfter: new Date(Date.now() - 60_000) })],
  ])(
    'sends nothing to a server with a certificate %s, whatever the environment says',
    async (_name, make) => {
      process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
      process.env['VAULT_SKIP_VERIFY'] = '1';
      const { address, seen } = await serve(make());
      const backend = await open(address, ca);
      await expect(backend.checkHealth({ signal })).rejects.toMatchObject({ code: 'backend_unavailable' });
      expect(seen).toEqual([]);
    },
  );

  it('takes address, token, namespace and path from its configuration alone', async () => {
    await using elsewhere = await startFakeVault();
    await using vault = await startFakeVault();
    Object.assign(process.env, {
      VAULT_ADDR: elsewhere.address,
      VAULT_TOKEN: 'hvs.from-the-environment',
      VAULT_NAMESPACE: 'from-the-environment',
      VAULT_PREFIX: '/from-the-environment',
      HTTP_PROXY: elsewhere.address,
      http_proxy: elsewhere.address,
      NODE_USE_ENV_PROXY: '1',
    });
    vault.on('sys/health', json(200, healthy));
    vault.on('auth/token/revoke-accessor', json(204, undefined));
    await using opened = await openBackend(vault.address);
    await opened.backend.checkHealth({ signal });
    await opened.backend.revokeToken({ accessor: 'a', signal });
    expect(elsewhere.seen).toEqual([]);
    expect(JSON.stringify(vault.seen)).not.toContain('from-the-environment');
    expect(vault.seen.map(({ url, headers }) => [url, headers['x-vault-token']])).toEqual([
      ['/v1/auth/token/lookup-self', tokenCanary],
      ['/v1/sys/health?standbyok=true&perfstandbyok=true', undefined],
      ['/v1/auth/token/revoke-accessor', tokenCanary],
    ]);
  });

  it('sends the namespace with every call but those of the root namespace', async () => {
    await using vault = await startFakeVault();
    vault.on('sys/health', json(200, healthy));
    await using opened = await openBackend(vault.address, { config: { namespace: 'team-a' } });
    await opened.backend.checkHealth({ signal });
    expect(vault.seen.map(({ headers }) => headers['x-vault-namespace'])).toEqual(['team-a', undefined]);
  });

  it('starts while the backend is away or sealed, and works when it is back', async () => {
    await using vault = await startFakeVault();
    vault.on('auth/token/lookup-self', errors(503, 'Vault is sealed'));
    await using opened = await openBackend(vault.address);
    expect(opened.backend.loginState()).toMatchObject({ state: 'logged_out' });
    vault.on('auth/token/lookup-self', goodSelf);
    vault.on('auth/token/revoke-accessor', json(204, undefined));
    await expect.poll(() => opened.backend.revokeToken({ accessor: 'a', signal })).toBeUndefined();
  });

  it.each([
    ['an authority file that is not there', { ca: '/nonexistent/ca.pem' }],
    ['a probation above a minute', { probationSeconds: 61 }],
    ['a probation of nothing', { probationSeconds: 0 }],
    ['plain http to another machine', { address: 'http://vault.example:8200' }],
  ])('refuses to start with %s', async (_name, change) => {
    await expect(
      createVaultBackend({
        config: {
          address: 'https://127.0.0.1:1',
          auth: { kind: 'token', tokenFile: join(folder.path, 'token') },
          requestLimitSeconds: 90,
          probationSeconds: 60,
          ...change,
        },
        clock: hastyClock,
        log: silentLog,
      }),
    ).rejects.toMatchObject({ code: 'config_invalid' });
  });

  it('refuses an authority file without a certificate: the system’s authorities are not what was asked for', async () => {
    const empty = join(folder.path, 'empty.pem');
    await writeFile(empty, '# nothing\n');
    await expect(openBackend('https://127.0.0.1:1', { config: { ca: empty } })).rejects.toMatchObject({
      code: 'config_invalid',
    });
  });
});
