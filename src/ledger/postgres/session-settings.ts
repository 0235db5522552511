import type { ClientBase } from 'pg';
import { z } from 'zod';
import { LeaseholdError } from '../../platform/error.ts';
import type { PostgresConfig } from './postgres-config.ts';
import { migrations } from './schema.ts';

/**
 * A transaction that does nothing for so long has lost its broker, whose network may have swallowed the end of it without a word to anybody. It
 * has to end before those who wait for its locks give up. A broker that was only slow carries it out again.
 */
const idleInTransactionMs = (lockTimeoutMs: number): number =>
  Math.max(1_000, Math.floor(lockTimeoutMs * 0.8));

const settingsRow = z.object({ replica: z.boolean(), server: z.int(), timeline: z.string() });

/** xid status functions that lost replies are settled with came with 13; older ones than 14 are out of support. */
const oldestServer = 140_000;

/**
 * Prepares a new connection and returns the server's timeline: another one means that a replica was promoted meanwhile, where
 * transaction ids of before mean nothing. Throws `ledger_unusable` or `ledger_unavailable`.
 */
export async function configureSession(client: ClientBase, config: PostgresConfig): Promise<string> {
  const { pool, schema } = config;
  // Schemas that others may create objects in, the temporary one too, must not come before ours.
  const settings: readonly (readonly [string, string])[] = [
    ['search_path', `${schema}, pg_temp`],
    ['statement_timeout', `${pool.statementTimeoutMs}ms`],
    ['lock_timeout', `${pool.lockTimeoutMs}ms`],
    ['idle_in_transaction_session_timeout', `${idleInTransactionMs(pool.lockTimeoutMs)}ms`],
    ['default_transaction_isolation', 'read committed'],
    ['standard_conforming_strings', 'on'],
  ];
  const found = await client.query(
    `SELECT pg_is_in_recovery() AS replica, current_setting('server_version_num')::int AS server,
       CASE WHEN pg_is_in_recovery() THEN '' ELSE left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) END AS timeline,
       ${settings.map((_, index) => `set_config($${index * 2 + 1}, $${index * 2 + 2}, false)`).join(', ')},
       CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', false) END`,
    settings.flat(),
  );
  const row = settingsRow.safeParse(found.rows[0]);
  if (!row.success) throw unusable('the server answers in an unknown way');
  if (row.data.server < oldestServer) throw unusable('PostgreSQL 14 or later is needed');
  if (row.data.replica)
    throw new LeaseholdError('ledger_unavailable', {
      detail: 'the server is a replica: ledger.postgres must lead to the primary',
    });
  return row.data.timeline;
}

const versionRow = z.object({ version: z.int(), minimum_reader: z.int() });

/**
 * Version of a schema; 0 when there is none. Read from the catalog: names are resolved from a cache that does not know what another broker
 * has made a moment ago. Throws `ledger_unusable` for one that is too new.
 */
export async function readSchemaVersion(client: ClientBase, schema: string): Promise<number> {
  const table = await client.query(
    `SELECT 1 FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
     WHERE nspname = $1 AND relname = 'schema_version'`,
    [schema],
  );
  if (table.rows.length === 0) return 0;
  const found = await client.query(`SELECT version, minimum_reader FROM "${schema}".schema_version`);
  const row = versionRow.safeParse(found.rows[0]);
  if (!row.success) throw unusable('the schema has no version');
  if (row.data.minimum_reader > migrations.length)
    throw unusable(
      `the schema is of version ${row.data.version}, which is for newer versions of Leasehold: update this one`,
    );
  return row.data.version;
}

function unusable(rule: string): LeaseholdError {
  return new LeaseholdError('ledger_unusable', { detail: rule });
}
