import { mountDatabaseEngine, vaultPaths } from '../../../src/demo/parts/database-engine.ts';
import type { TestPostgres } from './postgres.ts';
import { startPostgres } from './postgres.ts';
import type { TestVault, VaultProduct } from './vault.ts';
import { startVault } from './vault.ts';

export { vaultPaths } from '../../../src/demo/parts/database-engine.ts';

/** Values of the KV example, version 1. */
export const exampleSecret = { username: 'example-user', password: 'example-password' } as const;

/** A Vault that issues and revokes real PostgreSQL users. */
export interface VaultWithPostgres extends AsyncDisposable {
  readonly vault: TestVault;
  readonly postgres: TestPostgres;
  /** Writes a new version of a KV secret under `secret/`. */
  writeSecret(path: string, values: Readonly<Record<string, string>>): Promise<void>;
  roleExists(username: string): Promise<boolean>;
  /** Users that Vault has made and PostgreSQL still has, sorted. */
  issuedUsers(): Promise<readonly string[]>;
  canLogin(username: string, password: string): Promise<boolean>;
  stop(): Promise<void>;
}

/**
 * Starts both and joins them: database engine at `database/` with the role `app`, KV version 2 at `secret/` with an
 * example. The role's first ttl is short on purpose: Leasehold lengthens a lease only after it has recorded it.
 */
export const startVaultWithPostgres = async (
  options: {
    readonly defaultTtl?: string;
    readonly maxTtl?: string;
    readonly product?: VaultProduct;
    readonly configuration?: string;
  } = {},
): Promise<VaultWithPostgres> => {
  const postgres = await startPostgres();
  let vault: TestVault | undefined;
  const stop = async () => {
    // Vault first: it would try to revoke at a database that is gone.
    await vault?.stop();
    await postgres.stop();
  };
  try {
    const { product, configuration } = options;
    const started = await startVault({
      ...(product === undefined ? {} : { product }),
      ...(configuration === undefined ? {} : { configuration }),
    });
    vault = started;
    await mountDatabaseEngine(started, postgres.connection, {
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
      issuedUsers: async () =>
        (await postgres.query("SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%'"))
          .map((row) => String(row['rolname']))
          .sort(),
      canLogin: (username, password) => postgres.canLogin(username, password),
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
};
