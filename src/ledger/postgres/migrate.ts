import type { Client } from 'pg';
import { LeaseholdError } from '../../platform/error.ts';
import type { PostgresConfig } from './postgres-config.ts';
import { wrapPostgresError } from './postgres-error.ts';
import { migrations } from './schema.ts';
import { readSchemaVersion } from './session-settings.ts';

/** Brokers that start together wait for the one that migrates. */
const waitForOthersMs = 60_000;
/** A step must not queue behind a long transaction, because every broker would then queue behind the step. */
const waitForTableMs = 5_000;
const longestStepMs = 600_000;

/**
 * Brings the schema to this version where it is older, in one transaction under a lock of the database's. Does nothing where it is as new.
 * Throws `ledger_unusable` where the role may not, or the schema holds what is not ours; `ledger_unavailable`.
 */
export async function migrate(
  client: Client,
  { schema }: Pick<PostgresConfig, 'schema'>,
): Promise<{ readonly from: number; readonly to: number }> {
  try {
    const before = await readSchemaVersion(client, schema);
    if (before >= migrations.length) return { from: before, to: before };
    await refuseWithoutRight(client, schema, before);
    await client.query('BEGIN');
    await client.query(`SET LOCAL lock_timeout = ${waitForOthersMs}`);
    await client.query(`SET LOCAL statement_timeout = ${longestStepMs}`);
    await client.query(
      patient(`SELECT pg_advisory_xact_lock(hashtext('leasehold'), hashtext($1))`, [schema]),
    );
    await client.query(`SET LOCAL lock_timeout = ${waitForTableMs}`);
    const from = await readSchemaVersion(client, schema);
    if (from < migrations.length) await takeSteps(client, schema, from);
    await client.query('COMMIT');
    return { from, to: Math.max(from, migrations.length) };
  } catch (error) {
    throw wrapPostgresError(error, 'migrate');
  }
}

/** The connection's own limit is for statements of every day; these have that of the server. */
function patient(text: string, values?: readonly string[]) {
  const limit = { query_timeout: longestStepMs + waitForOthersMs };
  return values === undefined ? { text, ...limit } : { text, values: [...values], ...limit };
}

async function takeSteps(client: Client, schema: string, from: number): Promise<void> {
  if (from === 0) await begin(client, schema);
  for (const { sql } of migrations.slice(from)) await client.query(patient(sql));
  await client.query('UPDATE schema_version SET version = $1, minimum_reader = $2', [
    migrations.length,
    Math.max(...migrations.map(({ minimumReader }) => minimumReader)),
  ]);
}

/** Makes the schema, where an owner has not, and the place of its version. */
async function begin(client: Client, schema: string): Promise<void> {
  // IF NOT EXISTS would ask for the right to create even where it is there.
  const there = await client.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema]);
  if (there.rows.length === 0) await client.query(`CREATE SCHEMA "${schema}"`);
  const strangers = await client.query(
    'SELECT 1 FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) LIMIT 1',
    [schema],
  );
  if (strangers.rows.length > 0)
    throw new LeaseholdError('ledger_unusable', {
      detail: "the schema holds another program's tables: give the ledger one of its own",
    });
  await client.query(
    `CREATE TABLE schema_version (
       single boolean PRIMARY KEY DEFAULT true CHECK (single),
       version integer NOT NULL,
       minimum_reader integer NOT NULL
     )`,
  );
  await client.query('INSERT INTO schema_version (version, minimum_reader) VALUES (0, 0)');
}

async function refuseWithoutRight(client: Client, schema: string, version: number): Promise<void> {
  const found = await client.query<{ may: unknown }>(
    `SELECT CASE WHEN EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1)
       THEN has_schema_privilege($1, 'CREATE') ELSE has_database_privilege(current_database(), 'CREATE') END AS may`,
    [schema],
  );
  if (found.rows[0]?.may === true) return;
  throw new LeaseholdError('ledger_unusable', {
    detail: `the schema is of version ${version} and this broker needs ${migrations.length}: its owner has to migrate it (leasehold ledger migrate)`,
  });
}
