import type { TestPostgres } from './postgres.ts';
import { startPostgres } from './postgres.ts';
import type { TestVault } from './vault.ts';
import { startVault } from './vault.ts';

/** Where the engines are mounted and what is in them, as `startVaultWithPostgres` sets them up. */
export const vaultPaths = {
  databaseMount: 'database',
  databaseRole: 'app',
  credentials: 'database/creds/app',
  kvMount: 'secret',
  exampleSecret: 'example',
} as const;

/** Values of the KV example, version 1. */
export const exampleSecret = { username: 'example-user', password: 'example-password' } as const;

/** A Vault that issues and revokes real PostgreSQL users. */
export interface VaultWithPostgres extends AsyncDisposable {
  readonly vault: TestVault;
  readonly postgres: TestPostgres;
  /** Writes a new version of a KV secret under `secret/`. */
  writeSecret(path: string, values: Readonly<Record<string, string>>): Promise<void>;
  roleExists(username: string): Promise<boolean>;
  canLogin(username: string, password: string): Promise<boolean>;
  stop(): Promise<void>;
}

/** A user that the database itself refuses after its lease's end, even when nobody revokes it. */
const CREATION_STATEMENTS = [
  `CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';`,
];

const setUp = async (
  vault: TestVault,
  postgres: TestPostgres,
  times: { readonly defaultTtl: string; readonly maxTtl: string },
): Promise<void> => {
  const { host, port, user, password, database } = postgres.connection;
  await vault.call('POST', `sys/mounts/${vaultPaths.databaseMount}`, { type: 'database' });
  await vault.call('POST', `${vaultPaths.databaseMount}/config/postgres`, {
    plugin_name: 'postgresql-database-plugin',
    allowed_roles: ['*'],
    connection_url: `postgresql://{{username}}:{{password}}@${host}:${port}/${database}?sslmode=disable`,
    username: user,
    password,
    password_authentication: 'scram-sha-256',
  });
  await vault.call('POST', `${vaultPaths.databaseMount}/roles/${vaultPaths.databaseRole}`, {
    db_name: 'postgres',
    creation_statements: CREATION_STATEMENTS,
    default_ttl: times.defaultTtl,
    max_ttl: times.maxTtl,
  });
};

/**
 * Starts both and joins them: database engine at `database/` with the role `app`, KV version 2 at `secret/` with an
 * example. The role's first ttl is short on purpose: Leasehold lengthens a lease only after it has recorded it.
 */
export const startVaultWithPostgres = async (
  options: { readonly defaultTtl?: string; readonly maxTtl?: string; readonly program?: string } = {},
): Promise<VaultWithPostgres> => {
  const postgres = await startPostgres();
  let vault: TestVault | undefined;
  const stop = async () => {
    // Vault first: it would try to revoke at a database that is gone.
    await vault?.stop();
    await postgres.stop();
  };
  try {
    const started = await startVault(options.program === undefined ? {} : { program: options.program });
    vault = started;
    await setUp(started, postgres, {
      defaultTtl: options.defaultTtl ?? '60s',
      maxTtl: options.maxTtl ?? '24h',
    });
    const writeSecret = async (path: string, values: Readonly<Record<string, string>>) => {
      await started.call('POST', `${vaultPaths.kvMount}/data/${path}`, { data: values });
    };
    await writeSecret(vaultPaths.exampleSecret, exampleSecret);
    return {
      vault: started,
      postgres,
      writeSecret,
      roleExists: (username) => postgres.roleExists(username),
      canLogin: (username, password) => postgres.canLogin(username, password),
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
};
