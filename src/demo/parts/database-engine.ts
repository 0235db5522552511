import type { PostgresConnection } from './postgres.ts';
import type { OwnVault } from './vault.ts';

/** Where the engines are mounted and what is in them. */
export const vaultPaths = {
  databaseMount: 'database',
  databaseRole: 'app',
  credentials: 'database/creds/app',
  kvMount: 'secret',
  exampleSecret: 'example',
} as const;

/** A user that the database itself refuses after its lease's end, even when nobody revokes it. */
const CREATION_STATEMENTS = [
  `CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';`,
];

/** Vault's own ask information_schema for all that the user was granted, which costs the database several times as much as making and dropping it. */
const REVOCATION_STATEMENTS = [`DROP ROLE IF EXISTS "{{name}}";`];

/** Mounts the database engine at `database/` with the role `app`, whose users are roles of that PostgreSQL. */
export const mountDatabaseEngine = async (
  vault: Pick<OwnVault, 'call'>,
  connection: PostgresConnection,
  times: { readonly defaultTtl: string; readonly maxTtl: string },
): Promise<void> => {
  const { host, port, user, password, database } = connection;
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
    revocation_statements: REVOCATION_STATEMENTS,
    default_ttl: times.defaultTtl,
    max_ttl: times.maxTtl,
  });
};
