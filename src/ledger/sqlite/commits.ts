import type { DatabaseSync } from 'node:sqlite';
import { LeaseholdError } from '../../platform/error.ts';
import { wrapSqliteError } from './sqlite-error.ts';

/** Runs changes, each as one durable transaction. */
export interface Commits {
  /** Resolves with the result after the commit; rejects with nothing changed. */
  run<T>(doing: string, change: () => T): Promise<T>;
  /** No more changes; those called before are done. */
  close(): Promise<void>;
}

export function createCommits(database: DatabaseSync): Commits {
  let closed = false;
  return {
    run: async (doing, change) => {
      if (closed) throw new LeaseholdError('ledger_unavailable', { detail: 'the ledger is closed' });
      try {
        database.exec('BEGIN IMMEDIATE');
        const result = change();
        database.exec('COMMIT');
        return result;
      } catch (error) {
        // SQLite has rolled back by itself after some errors (disk full among them).
        if (database.isTransaction) database.exec('ROLLBACK');
        throw wrapSqliteError(error, doing);
      }
    },
    close: async () => {
      closed = true;
    },
  };
}
