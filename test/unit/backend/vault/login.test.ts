import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createBackendClock } from '../../../../src/backend/vault/backend-clock.ts';
import { createHttpSender } from '../../../../src/backend/vault/http-sender.ts';
import type { VaultLogin } from '../../../../src/backend/vault/login.ts';
import { createVaultLogin } from '../../../../src/backend/vault/login.ts';
import { createVaultClient } from '../../../../src/backend/vault/vault-client.ts';
import type { VaultAuth } from '../../../../src/backend/vault/vault-config.ts';
import type { Clock } from '../../../../src/platform/clock.ts';
import { systemClock } from '../../../../src/platform/clock.ts';
import { createLog } from '../../../../src/platform/log.ts';
import type { Secret } from '../../../../src/platform/secret.ts';
import type { TempFolder } from '../../../support/temp-folder.ts';
import { createTempFolder } from '../../../support/temp-folder.ts';
import type { ManualClock } from '../manual-clock.ts';
import { createManualClock } from '../manual-clock.ts';
import type { FakeVault } from './fake-vault.ts';
import { errors, goodSelf, json, startFakeVault } from './fake-vault.ts';

const { signal } = new AbortController();
const opened = (secret: Secret) => Buffer.from(secret.open()).toString('utf8');

describe('createVaultLogin', () => {
  let vault: FakeVault;
  let folder: TempFolder;
  let clock: ManualClock;
  let login: VaultLogin;
  let logged: string[];
  const closers: (() => void)[] = [];

  const file = (name: string) => join(folder.path, name);
  const write = (name: string, text: string) => writeFile(file(name), text, { mode: 0o600 });
  const start = (auth: VaultAuth) => {
    const origin = new URL(vault.address);
    // Requests run in real time; everything that the login plans runs on the test's clock.
    const sender = createHttpSender({ origin, clock: systemClock });
    const backendClock = createBackendClock({ clock: systemClock });
    logged = [];
    login = createVaultLogin({
      client: createVaultClient({ origin, sender, backendClock }),
      auth,
      clock: clock satisfies Clock,
      log: createLog({
        level: 'debug',
        name: 'test',
        destination: { write: (line) => void logged.push(line) },
      }),
      random: () => 0.5,
    });
    closers.push(() => {
      login.close();
      sender.close();
    });
  };
  const count = (path: string) => vault.seen.filter(({ url }) => url.endsWith(path)).length;
  const appRole = async (): Promise<VaultAuth> => {
    await write('role', 'role-id-canary');
    await write('secret', 'secret-id-canary\n');
    return {
      kind: 'appRole',
      mount: 'approle',
      roleIdFile: file('role'),
      secretIdFile: file('secret'),
    };
  };
  const grants = (ttl: number, token = 'hvs.one', renewable = true) => {
    vault.on(
      'auth/approle/login',
      json(200, { auth: { client_token: token, lease_duration: ttl, renewable } }),
    );
    vault.on(
      'auth/token/lookup-self',
      json(200, { data: { ttl, renewable, policies: ['leasehold-broker'] } }),
    );
  };

  beforeEach(async () => {
    vault = await startFakeVault();
    folder = await createTempFolder({ name: 'login' });
    clock = createManualClock();
  });
  afterEach(async () => {
    for (const close of closers.splice(0)) close();
    await vault[Symbol.asyncDispose]();
    await folder.remove();
  });

  it.each([
    ['is not there', undefined],
    ['is empty', '\n'],
    ['holds two lines', 'hvs.one\nhvs.two'],
    ['holds bytes that no token has', 'hvs.\u0000'],
    ['is far too long', 'x'.repeat(100_000)],
  ])('refuses a token file that %s, without asking the backend', async (_name, content) => {
    if (content !== undefined) await write('token', content);
    start({ kind: 'token', tokenFile: file('token') });
    await expect(login.token({ signal })).rejects.toMatchObject({ code: 'config_invalid' });
    expect(vault.seen).toEqual([]);
  });

  it("refuses a root token as the broker's own", async () => {
    await write('token', 'hvs.root');
    vault.on('auth/token/lookup-self', json(200, { data: { ttl: 0, policies: ['root'] } }));
    start({ kind: 'token', tokenFile: file('token') });
    await expect(login.token({ signal })).rejects.toMatchObject({ code: 'backend_denied' });
    expect(login.state()).toMatchObject({ state: 'logged_out' });
  });

  it('logs in once for all who ask, and says what it is doing', async () => {
    start(await appRole());
    grants(3600);
    expect(login.state()).toEqual({ state: 'logged_out', retryAfterMs: 0 });
    const asked = Promise.all(Array.from({ length: 20 }, () => login.token({ signal })));
    expect(login.state()).toEqual({ state: 'logging_in' });
    expect(new Set((await asked).map(opened))).toEqual(new Set(['hvs.one']));
    expect(count('/login')).toBe(1);
    expect(login.state()).toEqual({ state: 'logged_in', expiresInMs: 3_600_000 });
    expect(vault.seen[0]?.body).toBe('{"role_id":"role-id-canary","secret_id":"secret-id-canary"}');
    expect(vault.seen[0]?.headers['x-vault-token']).toBeUndefined();
    expect(logged.join('')).not.toMatch(/canary|hvs/);
  });

  it('goes on logging in for the others when one of them leaves', async () => {
    start(await appRole());
    grants(3600);
    const leaving = new AbortController();
    const left = login.token({ signal: leaving.signal });
    const stays = login.token({ signal });
    leaving.abort();
    await expect(left).rejects.toMatchObject({ code: 'cancelled' });
    expect(opened(await stays)).toBe('hvs.one');
  });

  it('reads its credential files again at each login', async () => {
    await write('jwt', 'first.jwt');
    start({ kind: 'jwt', mount: 'kubernetes', role: 'broker', tokenFile: file('jwt') });
    vault.on(
      'auth/kubernetes/login',
      json(200, { auth: { client_token: 'hvs.k', lease_duration: 60, renewable: false } }),
    );
    vault.on('auth/token/lookup-self', json(200, { data: { ttl: 60, policies: ['p'] } }));
    await login.token({ signal });
    await write('jwt', 'second.jwt');
    clock.advance(61_000);
    await login.token({ signal });
    const bodies = vault.seen.filter(({ url }) => url.endsWith('/login')).map(({ body }) => body);
    expect(bodies[0]).toBe('{"role":"broker","jwt":"first.jwt"}');
    expect(bodies.at(-1)).toBe('{"role":"broker","jwt":"second.jwt"}');
  });

  it('does not hammer the backend after a failed login', async () => {
    start(await appRole());
    vault.on('auth/approle/login', errors(400, 'invalid role or secret ID'));
    for (let ask = 0; ask < 10; ask += 1)
      await expect(login.token({ signal })).rejects.toMatchObject({ code: 'backend_rejected' });
    expect(count('/login')).toBe(1);
    clock.advance(1000);
    await expect(login.token({ signal })).rejects.toMatchObject({ code: 'backend_rejected' });
    expect(count('/login')).toBe(2);
    grants(3600);
    clock.advance(60_000);
    expect(opened(await login.token({ signal }))).toBe('hvs.one');
  });

  it('renews at about two thirds of the ttl', async () => {
    start(await appRole());
    grants(90);
    vault.on(
      'auth/token/renew-self',
      json(200, { auth: { client_token: 'hvs.one', lease_duration: 90, renewable: true } }),
    );
    await login.token({ signal });
    clock.advance(53_000);
    expect(count('/renew-self')).toBe(0);
    clock.advance(7_000);
    await expect.poll(() => count('/renew-self')).toBe(1);
    await expect.poll(() => login.state()).toEqual({ state: 'logged_in', expiresInMs: 90_000 });
    expect(count('/login')).toBe(1);
  });

  it('logs in anew when a renewal gives much less than before', async () => {
    start(await appRole());
    grants(90);
    await login.token({ signal });
    vault.on(
      'auth/token/renew-self',
      json(200, { auth: { client_token: 'hvs.one', lease_duration: 10, renewable: true } }),
    );
    grants(90, 'hvs.two');
    clock.advance(60_000);
    await expect.poll(async () => opened(await login.token({ signal }))).toBe('hvs.two');
  });

  it('logs in anew, before the end, where the token cannot be renewed', async () => {
    start(await appRole());
    grants(90, 'hvs.one', false);
    await login.token({ signal });
    grants(90, 'hvs.two', false);
    clock.advance(60_000);
    await expect.poll(async () => opened(await login.token({ signal }))).toBe('hvs.two');
    expect(count('/renew-self')).toBe(0);
  });

  it('tries a failed renewal again before the token ends', async () => {
    start(await appRole());
    grants(90);
    await login.token({ signal });
    vault.on('auth/token/renew-self', errors(503, 'Vault is sealed'));
    clock.advance(60_000);
    await expect.poll(() => logged.some((line) => line.includes('could not be renewed'))).toBe(true);
    vault.on(
      'auth/token/renew-self',
      json(200, { auth: { client_token: 'hvs.one', lease_duration: 90, renewable: true } }),
    );
    clock.advance(15_000);
    await expect.poll(() => login.state()).toEqual({ state: 'logged_in', expiresInMs: 90_000 });
  });

  it('takes up a token file that was replaced, and keeps the old token while the new one does not work', async () => {
    await write('token', 'hvs.one');
    start({ kind: 'token', tokenFile: file('token') });
    expect(opened(await login.token({ signal }))).toBe('hvs.one');
    await write('new', '');
    await rename(file('new'), file('token'));
    clock.advance(3000);
    expect(opened(await login.token({ signal }))).toBe('hvs.one');
    await write('new', 'hvs.two');
    await rename(file('new'), file('token'));
    clock.advance(60_000);
    expect(opened(await login.token({ signal }))).toBe('hvs.two');
  });

  it('tells a dead token from a call that is not allowed', async () => {
    start(await appRole());
    grants(3600);
    const token = await login.token({ signal });
    expect(await login.isDead(token, { signal })).toBe(false);
    vault.on('auth/token/lookup-self', errors(403, 'invalid token'));
    expect(await login.isDead(token, { signal })).toBe(true);
    expect(login.state()).toMatchObject({ state: 'logged_out' });
    grants(3600, 'hvs.two');
    expect(opened(await login.token({ signal }))).toBe('hvs.two');
    // Whoever still holds the old one need not ask the backend.
    expect(await login.isDead(token, { signal })).toBe(true);
  });

  it('keeps the token when the backend cannot say whether it is dead', async () => {
    await write('token', 'hvs.one');
    start({ kind: 'token', tokenFile: file('token') });
    const token = await login.token({ signal });
    vault.on('auth/token/lookup-self', errors(503, 'Vault is sealed'));
    await expect(login.isDead(token, { signal })).rejects.toMatchObject({ code: 'backend_sealed' });
    vault.on('auth/token/lookup-self', goodSelf);
    expect(await login.token({ signal })).toBe(token);
  });

  it('leaves no timer behind when it is closed', async () => {
    start(await appRole());
    grants(90);
    await login.token({ signal });
    expect(clock.timers()).toBe(1);
    login.close();
    expect(clock.timers()).toBe(0);
    await expect(login.token({ signal })).rejects.toMatchObject({ code: 'shutting_down' });
  });
});
