import type { DatabaseSync } from 'node:sqlite';
import { LeaseholdError } from '../../platform/error.ts';
import { wrapSqliteError } from './sqlite-error.ts';

/** Runs changes, each durable or without effect. */
export interface Commits {
  /** In the order of calls. Resolves with the result after the commit; rejects with nothing changed. */
  readonly run: <T>(doing: string, change: () => T) => Promise<T>;
  /**
   * Like `run`, for what nobody waits for: while others commit, it goes with the next of their groups instead of making one of its own, and
   * many of these go together, since each sync holds everybody up, and the disk of a database behind the backend may be the same.
   */
  readonly runPatiently: <T>(doing: string, change: () => T) => Promise<T>;
  /**
   * Looks at what is committed, at once: between two groups no transaction is open, so nothing half done can be seen and nobody's
   * sync is waited for. Rejects like `run`.
   */
  read<T>(doing: string, look: () => T): Promise<T>;
  /** No more changes; those called before are done when it resolves. */
  close(): Promise<void>;
}

interface Waiting {
  readonly doing: string;
  /** Carries the change out; returns what to tell the caller once it is durable. Throws what the change throws. */
  readonly apply: () => () => void;
  readonly reject: (error: LeaseholdError) => void;
}

/** Bounds how long one group holds the event loop; past this, syncing the disk costs little of the whole. */
const largestGroup = 128;
/** How long after a call the next one that cannot wait is expected; and the longest that a patient change waits for it. */
const expectedMs = 100;
const defaultPatienceMs = 50;
/** Where only patient changes come, a group is made once so many wait, or half of the patience after the one before. */
const patientGroup = 8;

/**
 * What is called in one turn of the event loop is committed together: a storm of opens costs one sync for each group and not for each
 * call. Inside a group each change has a savepoint, so that one that is refused is undone alone.
 */
export function createCommits(
  database: DatabaseSync,
  { patienceMs = defaultPatienceMs }: { readonly patienceMs?: number } = {},
): Commits {
  const transaction = createTransaction(database);
  const queue: Waiting[] = [];
  const patient: Waiting[] = [];
  let scheduled = false;
  let closed = false;
  let drained: () => void = () => undefined;
  let expectedUntil = 0;
  let committedAt = -Infinity;
  let patience: NodeJS.Timeout | undefined;

  const schedule = () => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      clearTimeout(patience);
      patience = undefined;
      queue.push(...patient.splice(0));
      commitGroup(transaction, queue);
      committedAt = performance.now();
      if (queue.length > 0) schedule();
      else drained();
    });
  };

  const enter = <T>(line: Waiting[], begin: () => void, doing: string, change: () => T) =>
    new Promise<T>((resolve, reject) => {
      if (closed) {
        reject(new LeaseholdError('ledger_unavailable', { detail: 'the ledger is closed' }));
        return;
      }
      line.push({
        doing,
        apply: () => {
          const result = change();
          return () => resolve(result);
        },
        reject,
      });
      begin();
    });
  const run: Commits['run'] = (doing, change) => {
    expectedUntil = performance.now() + expectedMs;
    return enter(queue, schedule, doing, change);
  };
  const beginPatiently = () => {
    const now = performance.now();
    const isExpected = now < expectedUntil;
    const pauseMs = isExpected ? patienceMs : committedAt + patienceMs / 2 - now;
    if (pauseMs <= 0 || (!isExpected && patient.length >= patientGroup)) schedule();
    else patience ??= setTimeout(schedule, pauseMs);
  };

  return {
    run,
    runPatiently: (doing, change) => enter(patient, beginPatiently, doing, change),
    read: async (doing, look) => {
      // A transaction that could not be abandoned yet would be read through; the next group clears it away.
      if (closed || database.isTransaction) return run(doing, look);
      try {
        return look();
      } catch (error) {
        throw wrapSqliteError(error, doing);
      }
    },
    close: async () => {
      closed = true;
      if (queue.length + patient.length === 0) return;
      schedule();
      await new Promise<void>((resolve) => {
        drained = resolve;
      });
    },
  };
}

/** Takes a group off the queue and settles every call in it. */
function commitGroup(transaction: Transaction, queue: Waiting[]): void {
  const applied: { readonly waiting: Waiting; readonly tell: () => void }[] = [];
  const refused: (() => void)[] = [];
  const group = queue.splice(0, largestGroup);
  try {
    transaction.begin();
  } catch (error) {
    for (const { doing, reject } of group) reject(wrapSqliteError(error, doing));
    return;
  }
  try {
    for (const [index, waiting] of group.entries()) {
      try {
        transaction.mark();
        const tell = waiting.apply();
        transaction.release();
        applied.push({ waiting, tell });
      } catch (error) {
        refused.push(() => waiting.reject(wrapSqliteError(error, waiting.doing)));
        if (transaction.undo()) continue;
        // SQLite gave up the whole transaction, as it may on a full disk: who has not had a turn gets one in the next.
        queue.unshift(...group.slice(index + 1));
        throw error;
      }
    }
    transaction.commit();
    for (const { tell } of applied) tell();
  } catch (error) {
    transaction.abandon();
    for (const { waiting } of applied) waiting.reject(wrapSqliteError(error, waiting.doing));
  }
  // Not before the commit: a refusal may rest on what an earlier call of the group did.
  for (const tell of refused) tell();
}

interface Transaction {
  begin(): void;
  mark(): void;
  release(): void;
  /** Back to the mark; false when there is no transaction any more. */
  undo(): boolean;
  commit(): void;
  abandon(): void;
}

function createTransaction(database: DatabaseSync): Transaction {
  const statement = (sql: string) => {
    const prepared = database.prepare(sql);
    return () => {
      prepared.run();
    };
  };
  const [begin, mark, release, back, commit] = [
    statement('BEGIN'),
    statement('SAVEPOINT change'),
    statement('RELEASE change'),
    statement('ROLLBACK TO change'),
    statement('COMMIT'),
  ];
  const abandon = () => {
    try {
      if (database.isTransaction) database.exec('ROLLBACK');
    } catch {
      // Tried again before the next group begins; until it succeeds, its callers are refused.
    }
  };
  return {
    begin: () => {
      abandon();
      begin();
    },
    mark,
    release,
    undo: () => {
      if (!database.isTransaction) return false;
      try {
        back();
        release();
        return true;
      } catch {
        return false;
      }
    },
    commit,
    abandon,
  };
}
