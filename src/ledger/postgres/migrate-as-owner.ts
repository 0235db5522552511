import { escapeIdentifier } from 'pg';
import { clientConfig, connectOnce } from './connect.ts';
import { migrate } from './migrate.ts';
import type { PostgresConfig } from './postgres-config.ts';
import { wrapPostgresError } from './postgres-error.ts';
import { migrations } from './schema.ts';
import { configureSession, readSchemaVersion } from './session-settings.ts';

export interface Migrated {
  /** Version of the schema before; 0 when there was none. */
  readonly from: number;
  readonly to: number;
  /** The role that may work on it from now on; undefined when that is the owner itself. */
  readonly grantedTo: string | undefined;
}

/**
 * Brings the schema to this version as the role that owns it, and lets the role of the brokers work on it: read and write rows, not
 * change the schema. Any number of times. Throws `config_invalid`, `ledger_unusable` or `ledger_unavailable`.
 */
export async function migrateAsOwner(options: {
  /** As the brokers have it. */
  readonly config: PostgresConfig;
  readonly owner: Pick<PostgresConfig, 'user' | 'passwordFile'> | undefined;
  /** Only says what would be done. */
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
}): Promise<Migrated> {
  const { config, owner, signal } = options;
  // The brokers' password is not the owner's, should the owner have none.
  const { passwordFile: own, ...rest } = config;
  const passwordFile = owner === undefined ? own : owner.passwordFile;
  const asOwner = {
    ...rest,
    user: owner?.user ?? config.user,
    ...(passwordFile === undefined ? {} : { passwordFile }),
  };
  await using connection = await connectOnce(await clientConfig(asOwner), signal);
  const { client } = connection;
  const { schema } = config;
  try {
    await configureSession(client, asOwner);
    const grantedTo = asOwner.user === config.user ? undefined : config.user;
    if (options.dryRun) {
      const from = await readSchemaVersion(client, schema);
      return { from, to: Math.max(from, migrations.length), grantedTo };
    }
    const { from, to } = await migrate(client, config);
    if (grantedTo !== undefined) await client.query(grantsFor(schema, grantedTo));
    return { from, to, grantedTo };
  } catch (error) {
    throw wrapPostgresError(error, 'migrate');
  }
}

/** One text of several statements is one transaction. The version of the schema is for its owner to write. */
function grantsFor(schema: string, role: string): string {
  const to = escapeIdentifier(role);
  return `
    GRANT USAGE ON SCHEMA "${schema}" TO ${to};
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "${schema}" TO ${to};
    REVOKE INSERT, UPDATE, DELETE ON "${schema}".schema_version FROM ${to};
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA "${schema}" TO ${to};`;
}
