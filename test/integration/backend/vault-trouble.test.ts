import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { VaultBackend } from '../../../src/backend/vault/vault-backend.ts';
import { createVaultBackend } from '../../../src/backend/vault/vault-backend.ts';
import type { VaultAuth } from '../../../src/backend/vault/vault-config.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { createLog } from '../../../src/platform/log.ts';
import { textAt, valueAt } from '../../support/json.ts';
import type { VaultWithPostgres } from '../../support/parts/vault-with-postgres.ts';
import { startVaultWithPostgres } from '../../support/parts/vault-with-postgres.ts';
import { describeVaults } from '../../support/require.ts';
import type { TempFolder } from '../../support/temp-folder.ts';
import { createTempFolder } from '../../support/temp-folder.ts';
import { applySetup, brokerToken, fieldOf, leased } from './vault-world.ts';

const policyName = 'leasehold-broker';
const signal = AbortSignal.timeout(1_800_000);
/** As Vault and as OpenBao make them. */
const anyToken = /\b(hvs|s)\.[A-Za-z0-9_-]{20,}/;
const app = { tokenRole: 'leasehold-app', intent: 'trouble', signal };

describeVaults(
  ['postgres'],
  (title) => `the Vault backend in trouble with a real ${title}`,
  (product) => {
    let parts: VaultWithPostgres;
    let folder: TempFolder;
    let logged: string[];
    const opened: VaultBackend[] = [];

    const open = async (auth: VaultAuth) => {
      logged = [];
      const backend = await createVaultBackend({
        config: { address: parts.vault.address, auth, requestLimitSeconds: 90, probationSeconds: 60 },
        clock: systemClock,
        log: createLog({
          level: 'debug',
          name: 'test',
          destination: { write: (line) => void logged.push(line) },
        }),
      });
      opened.push(backend);
      return backend;
    };
    const write = async (name: string, text: string) => {
      await writeFile(join(folder.path, name), text, { mode: 0o600 });
      return join(folder.path, name);
    };
    const openWithToken = async () =>
      open({ kind: 'token', tokenFile: await write('token', await brokerToken(parts, policyName)) });
    const accessors = async () => {
      const listed = await parts.vault.call('LIST', 'auth/token/accessors');
      const keys = valueAt(listed, 'data', 'keys');
      return Array.isArray(keys) ? keys.length : 0;
    };

    beforeAll(async () => {
      parts = await startVaultWithPostgres({ product });
      folder = await createTempFolder({ name: 'vault-trouble' });
    });
    beforeEach(() => applySetup(parts, { probationSeconds: 60, brokerPolicyName: policyName }));
    afterEach(async () => {
      for (const backend of opened.splice(0)) await backend[Symbol.asyncDispose]();
    });
    afterAll(async () => {
      await parts.stop();
      await folder.remove();
    });

    it.each([
      ['a period', { token_period: '1h' }, 'ttl above the probation'],
      ['no orphans', { orphan: false }, 'not an orphan'],
      ['the default policy', { token_no_default_policy: false }, 'default policy'],
      ['batch tokens', { token_type: 'batch', renewable: false, token_explicit_max_ttl: 0 }, 'shape'],
      ['a number of uses', { token_num_uses: 5 }, 'limited number of uses'],
      ['tokens that cannot be renewed', { renewable: false }, 'not renewable'],
    ])('refuses the tokens of a role with %s, and leaves none behind', async (_name, change, rule) => {
      const backend = await openWithToken();
      const before = await accessors();
      const role = await parts.vault.call('GET', 'auth/token/roles/leasehold-app');
      const fields = {
        allowed_policies: valueAt(role, 'data', 'allowed_policies'),
        orphan: true,
        token_no_default_policy: true,
        renewable: true,
        token_type: 'service',
      };
      await parts.vault.call('POST', 'auth/token/roles/leasehold-app', { ...fields, ...change });
      await expect(backend.createToken(app)).rejects.toMatchObject({
        code: 'backend_reply_invalid',
        detail: `new token of role leasehold-app: ${rule}`,
      });
      expect(await accessors()).toBe(before);
    });

    it('says that the database is down, keeps the lease, and revokes it when the database is back', async () => {
      const backend = await openWithToken();
      const { token } = await backend.createToken(app);
      const secret = await backend.read({ token, source: leased, signal });
      const leaseId = secret.lease?.leaseId ?? '';
      const config = valueAt(
        await parts.vault.call('GET', 'database/config/postgres'),
        'data',
        'connection_details',
      );
      const { password } = parts.postgres.connection;
      const connect = (url: string) =>
        parts.vault.call('POST', 'database/config/postgres', {
          plugin_name: 'postgresql-database-plugin',
          allowed_roles: ['*'],
          verify_connection: false,
          username: textAt(config, 'username'),
          password,
          connection_url: url,
        });
      const url = textAt(config, 'connection_url');
      await connect(url.replace(/:\d+\//, ':1/'));
      try {
        for (const fails of [
          () => backend.revokeLease({ leaseId, signal }),
          () => backend.renewLease({ leaseId, incrementSeconds: 60, signal }),
          () => backend.read({ token, source: leased, signal }),
        ])
          await expect(fails()).rejects.toMatchObject({ code: 'backend_rejected' });
        expect(await backend.lookupLease({ leaseId, signal })).toMatchObject({ present: true });
      } finally {
        await connect(url);
      }
      expect(await parts.roleExists(fieldOf(secret, 'username'))).toBe(true);
      await backend.revokeLease({ leaseId, signal });
      expect(await parts.roleExists(fieldOf(secret, 'username'))).toBe(false);
      expect(await backend.lookupLease({ leaseId, signal })).toEqual({ present: false });
    });

    it('finds nothing at a namespace path that does not exist, and never takes that for "gone"', async () => {
      const backend = await createVaultBackend({
        config: {
          address: parts.vault.address,
          namespace: 'nowhere',
          auth: { kind: 'token', tokenFile: await write('token', await brokerToken(parts, policyName)) },
          requestLimitSeconds: 90,
          probationSeconds: 60,
        },
        clock: systemClock,
        log: createLog({ level: 'error', name: 'test', destination: { write: () => undefined } }),
      });
      opened.push(backend);
      const outcome: unknown = await backend
        .lookupLease({ leaseId: 'database/creds/app/x', signal })
        .catch((error: unknown) => error);
      // The open-source server ignores the header; another answers 404 or 403. Each is an answer, none an absence of a known lease.
      if (outcome instanceof Error) expect(outcome).not.toMatchObject({ code: 'backend_not_found' });
      else expect(outcome).toEqual({ present: false });
    });

    it('logs in by AppRole, and again when its token has been revoked', async () => {
      await parts.vault.call('POST', 'sys/auth/approle', { type: 'approle' });
      await parts.vault.call('POST', 'auth/approle/role/broker', {
        token_policies: [policyName],
        token_no_default_policy: true,
        token_ttl: '1h',
      });
      const roleId = textAt(
        await parts.vault.call('GET', 'auth/approle/role/broker/role-id'),
        'data',
        'role_id',
      );
      const secretId = textAt(
        await parts.vault.call('POST', 'auth/approle/role/broker/secret-id', {}),
        'data',
        'secret_id',
      );
      const backend = await open({
        kind: 'appRole',
        mount: 'approle',
        roleIdFile: await write('role-id', roleId),
        secretIdFile: await write('secret-id', secretId),
      });
      const first = await backend.createToken(app);
      const listed = valueAt(await parts.vault.call('LIST', 'auth/token/accessors'), 'data', 'keys');
      const all: readonly unknown[] = Array.isArray(listed) ? listed : [];
      for (const accessor of all) {
        const found = await parts.vault.request('POST', 'auth/token/lookup-accessor', { accessor });
        if (valueAt(found.body, 'data', 'path') === 'auth/approle/login')
          await parts.vault.call('POST', 'auth/token/revoke-accessor', { accessor });
      }
      const second = await backend.createToken(app);
      // What it made before is its own orphan and lives on.
      expect(await backend.lookupToken({ accessor: first.accessor, signal })).toMatchObject({
        present: true,
      });
      expect(second.accessor).not.toBe(first.accessor);
      const text = logged.join('');
      for (const secret of [roleId, secretId]) expect(text).not.toContain(secret);
      expect(Buffer.from(second.token.open()).toString('utf8')).toMatch(anyToken);
      expect(text).not.toMatch(anyToken);
    });

    it('logs in with a JSON Web Token, as the Kubernetes method does too', async () => {
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      await parts.vault.call('POST', 'sys/auth/jwt', { type: 'jwt' });
      await parts.vault.call('POST', 'auth/jwt/config', {
        jwt_validation_pubkeys: [publicKey.export({ type: 'spki', format: 'pem' })],
      });
      await parts.vault.call('POST', 'auth/jwt/role/broker', {
        role_type: 'jwt',
        user_claim: 'sub',
        bound_audiences: ['vault'],
        token_policies: [policyName],
        token_no_default_policy: true,
        token_ttl: '1h',
      });
      const jwt = await new SignJWT({})
        .setProtectedHeader({ alg: 'ES256' })
        .setSubject('broker')
        .setAudience('vault')
        .setNotBefore('-1m')
        .setExpirationTime('5m')
        .sign(privateKey);
      const backend = await open({
        kind: 'jwt',
        mount: 'jwt',
        role: 'broker',
        tokenFile: await write('jwt', jwt),
      });
      expect(backend.loginState()).toMatchObject({ state: 'logged_in' });
      await backend.createToken(app);
      expect(logged.join('')).not.toContain(jwt.slice(0, 20));
    });

    it('takes up a replaced token file when the old token is dead', async () => {
      const old = await brokerToken(parts, policyName);
      const tokenFile = await write('token', old);
      const backend = await open({ kind: 'token', tokenFile });
      await backend.createToken(app);
      await parts.vault.call('POST', 'auth/token/revoke', { token: old });
      await expect(backend.createToken(app)).rejects.toMatchObject({ code: 'backend_denied' });
      await write('token', await brokerToken(parts, policyName));
      await expect
        .poll(async () => (await backend.createToken(app)).ttlSeconds, { timeout: 120_000, interval: 300 })
        .toBe(60);
    });
  },
);

describeVaults(
  ['postgres'],
  (title) => `the Vault backend on a real ${title} that is sealed`,
  (product) => {
    it('says so for every call, and for health', async () => {
      await using parts = await startVaultWithPostgres({ product });
      await using folder = await createTempFolder({ name: 'vault-sealed' });
      await applySetup(parts, { probationSeconds: 60, brokerPolicyName: policyName });
      const tokenFile = join(folder.path, 'token');
      await writeFile(tokenFile, await brokerToken(parts, policyName));
      await using backend = await createVaultBackend({
        config: {
          address: parts.vault.address,
          auth: { kind: 'token', tokenFile },
          requestLimitSeconds: 90,
          probationSeconds: 60,
        },
        clock: systemClock,
        log: createLog({ level: 'error', name: 'test', destination: { write: () => undefined } }),
      });
      const { token, accessor } = await backend.createToken(app);
      await parts.vault.call('PUT', 'sys/seal');
      for (const call of [
        () => backend.createToken(app),
        () => backend.read({ token, source: leased, signal }),
        () => backend.lookupToken({ accessor, signal }),
        () => backend.revokeToken({ accessor, signal }),
        () => backend.checkHealth({ signal }),
        () => backend.clusterId({ signal }),
      ])
        await expect(call()).rejects.toMatchObject({ code: 'backend_sealed' });
    });
  },
);
