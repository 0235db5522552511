import { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { LeaseholdError } from '../../platform/error.ts';
import { prepareLedgerFile } from './ledger-file.ts';
import { applicationId, migrations } from './schema.ts';
import { sqliteErrorCode, wrapSqliteError } from './sqlite-error.ts';

/** How long another process may hold the file while this one opens it: a predecessor that is just closing. */
const busyMs = 250;

/**
 * Opens the file, alone: the lock is the kernel's, so it ends with the process however that ends. Nothing is written before the file has
 * proved to be a ledger of a version known here. Throws `ledger_unusable` or `ledger_unavailable`.
 */
export function openDatabase(file: string): DatabaseSync {
  prepareLedgerFile(file);
  let database: DatabaseSync;
  try {
    database = new DatabaseSync(file, {
      timeout: busyMs,
      enableForeignKeyConstraints: true,
      enableDoubleQuotedStringLiterals: false,
      allowExtension: false,
    });
  } catch (error) {
    throw wrapSqliteError(error, 'open');
  }
  try {
    const version = inspect(database);
    configure(database);
    migrate(database, version);
    return database;
  } catch (error) {
    database.close();
    const code = sqliteErrorCode(error);
    if (code !== undefined && (code & 0xff) === 5)
      throw new LeaseholdError('ledger_unusable', { detail: 'another process has the file open' });
    throw wrapSqliteError(error, 'open');
  }
}

/** The schema version of the file; 0 when it is empty. */
function inspect(database: DatabaseSync): number {
  database.exec('PRAGMA locking_mode = EXCLUSIVE');
  const pages = pragma(database, 'page_count', z.int());
  const id = pragma(database, 'application_id', z.int());
  const version = pragma(database, 'user_version', z.int());
  if (pages === 0) return 0;
  if (id !== applicationId) throw unusable('the file is a database of another program');
  if (version > migrations.length) throw unusable('the file was written by a newer version of Leasehold');
  if (version < 1) throw unusable('the file has no schema version');
  if (pragma(database, 'quick_check(1)', z.string(), 'quick_check') !== 'ok')
    throw unusable('the file is damaged');
  return version;
}

function configure(database: DatabaseSync): void {
  database.exec('PRAGMA trusted_schema = OFF');
  database.exec('PRAGMA cell_size_check = ON');
  if (pragma(database, 'journal_mode = WAL', z.string(), 'journal_mode') !== 'wal')
    throw unusable('the file system does not support a write-ahead log');
  // FULL: in WAL mode this is what syncs at each commit.
  database.exec('PRAGMA synchronous = FULL');
  if (pragma(database, 'synchronous', z.int()) !== 2) throw unusable('commits cannot be made durable');
  if (pragma(database, 'foreign_keys', z.int()) !== 1) throw unusable('foreign keys cannot be enforced');
  database.exec('PRAGMA journal_size_limit = 16777216');
}

/** Also takes the write lock at once, so that of two brokers that start together one fails here. */
function migrate(database: DatabaseSync, from: number): void {
  database.exec('BEGIN EXCLUSIVE');
  try {
    for (const step of migrations.slice(from)) database.exec(step);
    if (from < migrations.length) {
      database.exec(`PRAGMA application_id = ${applicationId}`);
      database.exec(`PRAGMA user_version = ${migrations.length}`);
    }
    // The lock on the file proves that whoever held a claim is gone, maybe in the middle of a revocation.
    database.exec(
      `UPDATE credential SET maybe_revoked = 1 WHERE settlement = 'outstanding' AND lease_set IN
         (SELECT subject FROM work WHERE kind = 'revoke' AND claimed_by IS NOT NULL)`,
    );
    database.exec('UPDATE work SET claimed_by = NULL, available_at = due_at WHERE claimed_by IS NOT NULL');
    database.exec('DELETE FROM replica');
    database.exec('UPDATE session SET owner_replica = NULL WHERE owner_replica IS NOT NULL');
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

function pragma<T>(database: DatabaseSync, statement: string, schema: z.ZodType<T>, column = statement): T {
  const parsed = schema.safeParse(database.prepare(`PRAGMA ${statement}`).get()?.[column]);
  if (!parsed.success) throw unusable('the database answers in an unknown way');
  return parsed.data;
}

function unusable(rule: string): LeaseholdError {
  return new LeaseholdError('ledger_unusable', { detail: rule });
}
