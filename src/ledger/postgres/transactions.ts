import { z } from 'zod';
import type { Clock } from '../../platform/clock.ts';
import { LeaseholdError } from '../../platform/error.ts';
import { createIdentities, type Identities } from '../stored/identities.ts';
import type { Connection, Connections } from './connections.ts';
import { isCollision, isConnectionLost, wrapPostgresError } from './postgres-error.ts';
import { askOutcome } from './outcome.ts';
import { createStatements, type Sql } from './statements.ts';

/** Runs changes, each durable or without effect. */
export interface Transactions extends AsyncDisposable {
  /** One transaction. Carried out again, as a whole, where it collided with another or its connection broke before its end. */
  readonly change: <T>(doing: string, change: (sql: Sql) => Promise<T>) => Promise<T>;
  /** Statements that may each be repeated: reads, and single changes that leave the same when they are made twice. */
  readonly each: <T>(doing: string, statements: (sql: Sql) => Promise<T>) => Promise<T>;
}

/** Thrown by a change that saw a state which is gone by now: it is carried out again. */
export class SeenTooEarly extends Error {}

const mostTries = 5;
const firstPauseMs = 10;
/** What has taken as long as this once will not be quicker the second time. */
const longestRepeatMs = 5_000;

/**
 * READ COMMITTED, and every change of a session locks its row first. The statements after the lock have snapshots of their own, so they see
 * all that was committed under it, and nothing of that session changes until the end: what SERIALIZABLE would find out by failing, the
 * lock keeps in order by waiting. What no row stands for yet (the first session of a workload and bundle) is kept by unique
 * indexes. So transactions fail by collision only where two of them lock in different orders, which is rare, and repeated.
 */
export function createTransactions(options: {
  readonly connections: Connections;
  readonly clock: Clock;
  readonly random: () => number;
}): Transactions {
  const { connections, clock, random } = options;
  const closing = new AbortController();
  const identities = createIdentities();

  const repeat = async <T>(doing: string, once: () => Promise<T>): Promise<T> => {
    const startedAt = clock.monotonic();
    for (let tries = 1; ; tries += 1) {
      try {
        return await once();
      } catch (error) {
        const mayRepeat = error instanceof SeenTooEarly || isCollision(error) || isConnectionLost(error);
        const isLate = tries >= mostTries || clock.monotonic() - startedAt > longestRepeatMs;
        if (!mayRepeat || isLate || closing.signal.aborted) throw asLedgerError(error, doing);
      }
      // Those that collided must not meet again.
      await clock.sleep(firstPauseMs * 2 ** tries * (0.5 + random()), closing.signal).catch(() => undefined);
    }
  };

  return {
    change: (doing, change) =>
      repeat(doing, async () => {
        const connection = await connections.acquire();
        const ended = await transact(connection, identities, change);
        if ('result' in ended) return ended.result;
        const outcome = await askOutcome({
          connections,
          clock,
          signal: closing.signal,
          unknown: ended.unknown,
        });
        if (outcome === 'committed') return ended.unknown.result;
        throw ended.unknown.error;
      }),
    each: (doing, statements) =>
      repeat(doing, async () => {
        const connection = await connections.acquire();
        try {
          const result = await statements(createStatements(connection.client, identities));
          connection.release(false);
          return result;
        } catch (error) {
          connection.release(isConnectionLost(error));
          throw error;
        }
      }),
    [Symbol.asyncDispose]: async () => {
      closing.abort();
      await connections[Symbol.asyncDispose]();
    },
  };
}

function asLedgerError(error: unknown, doing: string): LeaseholdError {
  if (!(error instanceof SeenTooEarly)) return wrapPostgresError(error, doing);
  return new LeaseholdError('ledger_unavailable', { detail: `${doing}: other brokers were always first` });
}

/** A transaction whose COMMIT was not answered. */
export interface Unknown<T> {
  readonly result: T;
  readonly error: unknown;
  readonly transaction: string;
  readonly timeline: string;
}

const begunRow = z.object({ xid: z.string() });

async function transact<T>(
  connection: Connection,
  identities: Identities,
  change: (sql: Sql) => Promise<T>,
): Promise<{ readonly result: T } | { readonly unknown: Unknown<T> }> {
  const { client, timeline } = connection;
  let broken = false;
  try {
    // The id is what the outcome is asked by, should the answer to COMMIT be lost.
    const begun = client.query<{ xid: string }>('BEGIN; SELECT pg_current_xact_id()::text AS xid');
    const statements = createStatements(client, identities, begun);
    const [opened, changed] = await Promise.allSettled([begun, change(statements)]);
    if (opened.status === 'rejected') throw opened.reason;
    if (changed.status === 'rejected') throw changed.reason;
    const transaction = xidOf(opened.value);
    try {
      const { command } = await client.query('COMMIT');
      if (command === 'COMMIT') return { result: changed.value };
    } catch (error) {
      if (!isConnectionLost(error)) throw error;
      broken = true;
      return { unknown: { result: changed.value, error, transaction, timeline } };
    }
    // A statement had failed and nobody looked: the server answers COMMIT with ROLLBACK.
    throw new LeaseholdError('internal', { detail: 'the transaction was rolled back at its end' });
  } catch (error) {
    broken ||= isConnectionLost(error) || !(await rollBack(connection));
    throw error;
  } finally {
    connection.release(broken);
  }
}

async function rollBack({ client }: Connection): Promise<boolean> {
  try {
    await client.query('ROLLBACK');
    return true;
  } catch {
    // The connection is closed instead, which ends the transaction as well.
    return false;
  }
}

/** The driver answers a text of two statements with two results. */
function xidOf(answer: unknown): string {
  const second: unknown = Array.isArray(answer) ? answer[1] : undefined;
  const parsed = z.object({ rows: z.tuple([begunRow]) }).safeParse(second);
  if (!parsed.success)
    throw new LeaseholdError('ledger_unusable', { detail: 'the server answers in an unknown way' });
  return parsed.data.rows[0].xid;
}
