import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { VaultConfig } from '../../../src/backend/vault/vault-config.ts';
import { valueAt, numberAt, textAt } from '../../support/json.ts';
import type { VaultProduct } from '../../support/parts/vault.ts';
import { startVaultWithPostgres, type VaultWithPostgres } from '../../support/parts/vault-with-postgres.ts';
import { createTempFolder } from '../../support/temp-folder.ts';
import { dbBundle } from '../../unit/lease/world.ts';
import { applySetup, brokerToken } from '../backend/vault-world.ts';
import type { AliveThings, CrashBackend, CrashRoles } from './crash-backend.ts';

/** A real Vault and its database, for many rounds at once, each with roles of its own. */
export interface CrashVault extends AsyncDisposable {
  readonly parts: VaultWithPostgres;
  /** Of the nth round. With another address, the engine goes by a proxy and what is alive is still asked for directly. */
  backend(nth: number, options?: { readonly address?: string }): CrashBackend;
  /** Of all rounds together. */
  alive(): Promise<AliveThings>;
}

const times = { probationSeconds: 4, ttlSeconds: 8 } as const;
/** Shorter than a server would have: after it, a cut request counts as ended. */
const requestLimitSeconds = 2;
/** What Vault adds to the last moment of a database user, beyond that of the lease. */
const userExtraMs = 5_000;
const policyName = 'leasehold-crash-broker';

/** Vault puts the first eight letters of a role's name into those of its users. */
const roleName = (nth: number): string => `c${String(nth).padStart(4, '0')}x`;
const rolesOf = (nth: number): CrashRoles => ({
  tokenRole: `leasehold-${roleName(nth)}`,
  path: `database/creds/${roleName(nth)}`,
});

async function createRoles({ vault }: VaultWithPostgres, count: number): Promise<void> {
  const app = valueAt(await vault.call('GET', 'database/roles/app'), 'data', 'creation_statements');
  for (let nth = 0; nth < count; nth += 1)
    await vault.call('POST', `database/roles/${roleName(nth)}`, {
      db_name: 'postgres',
      creation_statements: app,
      default_ttl: `${times.probationSeconds}s`,
      max_ttl: '1h',
    });
}

const namesIn = (body: unknown): readonly string[] => {
  const keys = valueAt(body, 'data', 'keys');
  return Array.isArray(keys) ? keys.map(String) : [];
};

/** Looked up one by one; what has ended meanwhile is not alive. */
async function lookUpAll<T>(
  { vault }: VaultWithPostgres,
  bodies: readonly Readonly<Record<string, string>>[],
  path: string,
  read: (body: unknown, expiresAt: number) => T,
): Promise<readonly T[]> {
  // From before it was asked: an answer may take long, and then something lives no longer for it.
  const askedAt = Date.now();
  const replies = await Promise.all(bodies.map((body) => vault.request('POST', path, body)));
  return replies
    .filter(({ status }) => status === 200)
    .map(({ body }) => read(body, askedAt + numberAt(body, 'data', 'ttl') * 1000));
}

async function aliveLeases(parts: VaultWithPostgres, path: string): Promise<AliveThings['leases']> {
  const listed = await parts.vault.request('LIST', `sys/leases/lookup/${path}`);
  const bodies = namesIn(listed.body).map((name) => ({ lease_id: `${path}/${name}` }));
  return lookUpAll(parts, bodies, 'sys/leases/lookup', (body, expiresAt) => ({
    id: textAt(body, 'data', 'id'),
    expiresAt,
  }));
}

async function aliveTokens(
  parts: VaultWithPostgres,
  isOurs: (path: string) => boolean,
): Promise<AliveThings['tokens']> {
  const listed = await parts.vault.call('LIST', 'auth/token/accessors');
  const bodies = namesIn(listed).map((accessor) => ({ accessor }));
  const found = await lookUpAll(parts, bodies, 'auth/token/lookup-accessor', (body, expiresAt) =>
    // The test's own tokens carry no intent.
    isOurs(textAt(body, 'data', 'path'))
      ? [
          {
            id: textAt(body, 'data', 'accessor'),
            intent: textAt(body, 'data', 'meta', 'intent'),
            expiresAt,
          },
        ]
      : [],
  );
  return found.flat();
}

/** A user past its last moment is refused by the database itself, even when nobody has dropped it. */
async function aliveUsers(parts: VaultWithPostgres, role: string): Promise<AliveThings['users']> {
  const rows = await parts.postgres.query(
    `SELECT rolname AS id, extract(epoch FROM rolvaliduntil)::float8 * 1000 AS ends
       FROM pg_roles WHERE rolname LIKE $1 AND coalesce(rolvaliduntil, 'infinity') > now()`,
    [`v-%-${role}-%`],
  );
  return rows.map(({ id, ends }) => ({ id: String(id), expiresAt: Number(ends ?? Infinity) - userExtraMs }));
}

/** Starts both, with roles for that many rounds. */
export async function startCrashVault(rounds: number, product: VaultProduct): Promise<CrashVault> {
  await using starting = new AsyncDisposableStack();
  const folder = await createTempFolder({ name: 'crash-vault' });
  starting.defer(() => folder.remove());
  const parts = starting.use(await startVaultWithPostgres({ product }));
  await createRoles(parts, rounds);
  await parts.writeSecret('api', { key: 'value' });
  const login = { name: 'login', kind: 'leased', engine: 'read' } as const;
  await applySetup(parts, {
    probationSeconds: times.probationSeconds,
    brokerPolicyName: policyName,
    bundles: Array.from({ length: rounds }, (_, nth) => {
      const { tokenRole, path } = rolesOf(nth);
      const secrets = dbBundle.secrets.map((secret) =>
        secret.kind === 'leased' ? { ...login, path } : secret,
      );
      return { ...dbBundle, name: roleName(nth), tokenRole, secrets };
    }),
  });
  const tokenFile = join(folder.path, 'token');
  await writeFile(tokenFile, await brokerToken(parts, policyName, { ttl: '24h' }), { mode: 0o600 });
  const owned = starting.move();
  const config: VaultConfig = {
    address: parts.vault.address,
    auth: { kind: 'token', tokenFile },
    requestLimitSeconds,
    probationSeconds: times.probationSeconds,
  };
  return {
    parts,
    backend: (nth, { address = config.address } = {}) => {
      const roles = rolesOf(nth);
      return {
        place: { vault: { ...config, address }, roles },
        times,
        // A machine that is busy finishes late what the dead engine had asked for.
        slackMs: 3_000,
        alive: async () => ({
          leases: await aliveLeases(parts, roles.path),
          tokens: await aliveTokens(parts, (path) => path === `auth/token/create/${roles.tokenRole}`),
          users: await aliveUsers(parts, roleName(nth)),
        }),
        canLogin: ({ username, password }) => parts.canLogin(username, password),
      };
    },
    alive: async () => {
      const each = Array.from({ length: rounds }, (_, nth) => aliveLeases(parts, rolesOf(nth).path));
      return {
        leases: (await Promise.all(each)).flat(),
        tokens: await aliveTokens(parts, (path) => path.startsWith('auth/token/create/leasehold-c')),
        users: await aliveUsers(parts, 'c%'),
      };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
