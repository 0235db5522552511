import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { checkSetup } from '../../../src/backend/setup/check-setup.ts';
import type { Bundle } from '../../../src/policy/bundle.ts';
import { setupDocument } from '../../../src/backend/setup/setup-document.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { Secret } from '../../../src/platform/secret.ts';
import { textAt, valueAt } from '../../support/json.ts';
import type { HttpMethod } from '../../support/parts/vault.ts';
import type { VaultWithPostgres } from '../../support/parts/vault-with-postgres.ts';
import { startVaultWithPostgres } from '../../support/parts/vault-with-postgres.ts';
import { describeVaults } from '../../support/require.ts';
import { aBundle, applySetup, brokerToken, bundles, leased } from './vault-world.ts';

const policyName = 'leasehold-broker';
const created = { ttl: '60s', meta: { intent: 'i' } };
const create = 'auth/token/create/leasehold-app';

/** Method, path, body: all must be refused to the broker's token. */
const forbidden: readonly (readonly [string, HttpMethod, string, unknown?])[] = [
  ['reading a KV secret', 'GET', 'secret/data/contract'],
  ['reading a leased secret', 'GET', 'database/creds/app'],
  ['listing secrets', 'LIST', 'secret/metadata'],
  ['writing a secret', 'POST', 'secret/data/contract', { data: { a: 'b' } }],
  ['the ttl as a number', 'POST', create, { ...created, ttl: 60 }],
  ['a longer ttl', 'POST', create, { ...created, ttl: '1h' }],
  ['the same ttl in another spelling', 'POST', create, { ...created, ttl: '1m' }],
  ['no ttl', 'POST', create, { meta: created.meta }],
  ['no metadata', 'POST', create, { ttl: created.ttl }],
  ['a period', 'POST', create, { ...created, period: '1h' }],
  ['an explicit maximum', 'POST', create, { ...created, explicit_max_ttl: '1h' }],
  ['a foreign policy', 'POST', create, { ...created, policies: ['root'] }],
  ['the policy of another bundle', 'POST', create, { ...created, policies: ['leasehold-other-read'] }],
  ['a chosen token id', 'POST', create, { ...created, id: 'chosen' }],
  ['a batch token', 'POST', create, { ...created, type: 'batch' }],
  ['another role of the same prefix', 'POST', 'auth/token/create/leasehold-later', created],
  ['a role of somebody else', 'POST', 'auth/token/create/admin', created],
  ['a token without a role', 'POST', 'auth/token/create', created],
  ['an orphan without a role', 'POST', 'auth/token/create-orphan', created],
  ['listing accessors', 'LIST', 'auth/token/accessors'],
  ['looking a token up by value', 'POST', 'auth/token/lookup', { token: 'x' }],
  ['revoking a token by value', 'POST', 'auth/token/revoke', { token: 'x' }],
  ['token roles', 'GET', 'auth/token/roles/leasehold-app'],
  ['changing a token role', 'POST', 'auth/token/roles/leasehold-app', { orphan: false }],
  ['policies', 'GET', `sys/policies/acl/${policyName}`],
  ['changing its own policy', 'PUT', `sys/policies/acl/${policyName}`, { policy: '' }],
  ['revoking by prefix', 'POST', 'sys/leases/revoke-prefix/database/creds/app'],
  ['revoking by force', 'POST', 'sys/leases/revoke-force/database/creds/app'],
  ['tidying leases', 'POST', 'sys/leases/tidy'],
  ['listing leases', 'LIST', 'sys/leases/lookup/database/creds/app'],
  ['counting leases', 'GET', 'sys/leases/count?type=irrevocable'],
  ['looking a foreign lease up', 'POST', 'sys/leases/lookup', { lease_id: 'database/creds/other/x' }],
  [
    'renewing a foreign lease',
    'POST',
    'sys/leases/renew',
    { lease_id: 'database/creds/other/x', increment: 60 },
  ],
  [
    'revoking a foreign lease',
    'POST',
    'sys/leases/revoke',
    { lease_id: 'database/creds/other/x', sync: true },
  ],
  ['revoking later', 'POST', 'sys/leases/revoke', { lease_id: 'database/creds/app/x', sync: false }],
  ['the old spelling of revoke', 'POST', 'sys/revoke', { lease_id: 'database/creds/app/x', sync: true }],
  ['the lease in the path', 'POST', 'sys/leases/revoke/database/creds/app/x', { sync: true }],
  ['the database configuration', 'GET', 'database/config/postgres'],
  ['sealing', 'POST', 'sys/seal'],
  ['mounts', 'GET', 'sys/mounts'],
  ['revoking itself', 'POST', 'auth/token/revoke-self'],
];

describeVaults(
  ['postgres'],
  (title) => `the printed setup on a real ${title}`,
  (product) => {
    let parts: VaultWithPostgres;
    let token: string;
    const call = (method: HttpMethod, path: string, body?: unknown) =>
      parts.vault.request(method, path, body, token);

    beforeAll(async () => {
      parts = await startVaultWithPostgres({ product });
      await parts.vault.call('POST', 'auth/token/roles/leasehold-later', { allowed_policies: ['root'] });
      await parts.vault.call('POST', 'auth/token/roles/admin', { allowed_policies: ['root'] });
    });
    beforeEach(async () => {
      await applySetup(parts, { probationSeconds: 60, brokerPolicyName: policyName });
      token = await brokerToken(parts, policyName);
    });
    afterAll(() => parts.stop());

    describe("the broker's policy", () => {
      it.each(forbidden.map(([name, method, path, body]) => ({ name, method, path, body })))(
        'refuses $name',
        async ({ method, path, body }) => {
          expect((await call(method, path, body)).status).toBe(403);
        },
      );

      it('is enough for the life of a session', async () => {
        const made = await call('POST', create, created);
        const accessor = textAt(made.body, 'auth', 'accessor');
        const session = textAt(made.body, 'auth', 'client_token');
        const read = await parts.vault.call('GET', leased.path, undefined, session);
        const lease = { lease_id: textAt(read, 'lease_id') };
        const statuses = [
          made,
          await call('POST', 'auth/token/lookup-accessor', { accessor }),
          await call('POST', 'auth/token/renew-accessor', { accessor, increment: 600 }),
          await call('POST', 'sys/leases/lookup', lease),
          await call('POST', 'sys/leases/renew', { ...lease, increment: 600 }),
          await call('POST', 'sys/leases/revoke', { ...lease, sync: true }),
          await call('POST', 'auth/token/revoke-accessor', { accessor }),
          await call('GET', 'auth/token/lookup-self'),
          await call('POST', 'auth/token/renew-self', {}),
        ].map(({ status }) => status);
        expect(statuses).toEqual([200, 200, 200, 200, 200, 204, 204, 200, 200]);
      });

      it('gives tokens that read their bundle and nothing else', async () => {
        const session = textAt((await call('POST', create, created)).body, 'auth', 'client_token');
        const status = async (method: HttpMethod, path: string, body?: unknown) =>
          (await parts.vault.request(method, path, body, session)).status;
        expect(await status('GET', leased.path)).toBe(200);
        expect(await status('GET', 'secret/data/other')).toBe(403);
        expect(await status('GET', 'secret/data/example')).toBe(403);
        expect(await status('POST', 'secret/data/contract', { data: {} })).toBe(403);
        expect(await status('POST', create, created)).toBe(403);
        expect(await status('GET', 'auth/token/lookup-self')).toBe(403);
      });
    });

    describe('checkSetup', () => {
      const check = (
        change: { readonly bundles?: readonly Bundle[]; readonly allowLongLeases?: readonly string[] } = {},
      ) =>
        checkSetup({
          address: parts.vault.address,
          operatorToken: Secret.ofText(parts.vault.rootToken),
          bundles,
          probationSeconds: 60,
          clock: systemClock,
          signal: AbortSignal.timeout(60_000),
          ...change,
        });
      const setRole = async (change: Readonly<Record<string, unknown>>) => {
        const fields = setupDocument({ bundles, probationSeconds: 60 }).tokenRoles[0]?.fields;
        await parts.vault.call('POST', 'auth/token/roles/leasehold-app', { ...fields, ...change });
      };

      it('finds nothing where the printed setup was applied', async () => {
        expect(await check()).toEqual([]);
      });

      it('is refused with a token that may not look', async () => {
        await expect(
          checkSetup({
            address: parts.vault.address,
            operatorToken: Secret.ofText(token),
            bundles,
            probationSeconds: 60,
            clock: systemClock,
            signal: AbortSignal.timeout(60_000),
          }),
        ).rejects.toMatchObject({ code: 'backend_denied' });
      });

      it('names a policy that is missing or wider', async () => {
        await parts.vault.call('DELETE', 'sys/policies/acl/leasehold-other-read');
        const before = await parts.vault.call('GET', `sys/policies/acl/${policyName}`);
        const wider = `${textAt(before, 'data', 'policy')}\npath "sys/leases/*" {\n  capabilities = ["update"]\n}\n`;
        await parts.vault.call('PUT', `sys/policies/acl/${policyName}`, { policy: wider });
        expect(await check()).toEqual([
          { severity: 'error', subject: `policy ${policyName}`, problem: 'is not the printed one' },
          { severity: 'error', subject: 'policy leasehold-other-read', problem: 'does not exist' },
        ]);
      });

      it('does not mind another layout or comments', async () => {
        const before = await parts.vault.call('GET', `sys/policies/acl/${policyName}`);
        const policy = `# the broker\n${textAt(before, 'data', 'policy').replaceAll('  ', '\t')}`;
        await parts.vault.call('PUT', `sys/policies/acl/${policyName}`, { policy });
        expect(await check()).toEqual([]);
      });

      it.each([
        ['orphan must be true', { orphan: false }],
        ['token_period must not be set', { token_period: '1h' }],
        ['renewable must be true', { renewable: false }],
        ['token_type must be "service"', { token_type: 'default-service' }],
        ['token_no_default_policy must be true', { token_no_default_policy: false }],
        ['token_explicit_max_ttl must be 86400', { token_explicit_max_ttl: 0 }],
        ['token_num_uses must not be set', { token_num_uses: 5 }],
        [
          'allowed_policies must be leasehold-app-read and nothing else',
          { allowed_policies: ['leasehold-app-read', 'default'] },
        ],
        ['allowed_policies_glob must not be set', { allowed_policies_glob: ['lease*'] }],
        ['path_suffix must not be set', { path_suffix: 'suffix' }],
      ])('says that %s', async (problem, change) => {
        await setRole(change);
        expect(await check()).toContainEqual({
          severity: 'error',
          subject: 'token role leasehold-app',
          problem,
        });
      });

      it('names a token role that is missing, and says what the broker meets', async () => {
        await parts.vault.call('DELETE', 'auth/token/roles/leasehold-app');
        expect(await check()).toContainEqual({
          severity: 'error',
          subject: 'token role leasehold-app',
          problem: 'does not exist',
        });
        const reply = await call('POST', create, created);
        expect([reply.status, valueAt(reply.body, 'errors')]).toEqual([400, ['unknown role leasehold-app']]);
      });

      it('names a database role whose first ttl is too long, unset, or that the database does not end', async () => {
        const setDatabaseRole = (change: Readonly<Record<string, unknown>>) =>
          parts.vault.call('POST', 'database/roles/app', { db_name: 'postgres', ...change });
        const before = await parts.vault.call('GET', 'database/roles/app');
        const statements = valueAt(before, 'data', 'creation_statements');
        const unbounded = [`CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}';`];
        const problems = async (allowLongLeases?: readonly string[]) =>
          (await check(allowLongLeases === undefined ? {} : { allowLongLeases })).map(
            ({ severity, subject, problem }) => `${severity} ${subject}: ${problem}`,
          );
        try {
          await setDatabaseRole({ creation_statements: statements, default_ttl: '1h' });
          expect(await problems()).toEqual([
            'error database/creds/app: default_ttl is too long; it must be at most 60 s',
          ]);
          expect(await problems([leased.path])).toEqual([
            'warning database/creds/app: default_ttl is too long; it must be at most 60 s',
          ]);
          await setDatabaseRole({ creation_statements: unbounded, default_ttl: 0 });
          expect(await problems()).toEqual([
            'error database/creds/app: default_ttl is not set; it must be at most 60 s',
            'error database/creds/app: unbounded: the creation statements set no {{expiration}} at the database',
          ]);
        } finally {
          await setDatabaseRole({ creation_statements: statements, default_ttl: '60s', max_ttl: '24h' });
        }
      });

      it('names sources without an engine, or with another one', async () => {
        const odd = aBundle('odd', [
          { name: 'a', kind: 'static', path: 'nowhere/x', engine: 'kv1' },
          { name: 'b', kind: 'static', path: 'secret/x', engine: 'kv1' },
          { name: 'c', kind: 'leased', path: 'secret/data/x', engine: 'read' },
        ]);
        const found = (await check({ bundles: [odd] })).filter(({ subject }) => subject.includes('/x'));
        expect(found.map(({ subject, problem }) => `${subject}: ${problem}`)).toEqual([
          'nowhere/x: no engine is mounted here',
          'secret/data/x: unbounded: it is not known whether the engine kv ends its credentials by itself',
          'secret/x: is configured as kv1, and the engine is kv2',
        ]);
      });
    });
  },
);
