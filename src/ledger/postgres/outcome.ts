import { z } from 'zod';
import type { Clock } from '../../platform/clock.ts';
import { LeaseholdError } from '../../platform/error.ts';
import type { Connections } from './connections.ts';

const pauseMs = 100;
/** Longer than the server lets a transaction of ours idle. */
const longestMs = 20_000;

const statusRow = z.object({ status: z.enum(['in progress', 'committed', 'aborted']).nullable() });

/**
 * What became of a transaction whose COMMIT was not answered: the server itself knows
 * (https://www.postgresql.org/docs/current/functions-info.html, `pg_xact_status`). One that is still open on a connection that is gone is ended.
 * Throws `ledger_unavailable` where nobody can tell: the server stays away, or another one has taken its place.
 */
export async function askOutcome(options: {
  readonly connections: Connections;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly unknown: { readonly transaction: string; readonly timeline: string; readonly error: unknown };
}): Promise<'committed' | 'aborted'> {
  const { clock, signal, unknown } = options;
  const until = clock.monotonic() + longestMs;
  let cause = unknown.error;
  while (clock.monotonic() < until && !signal.aborted) {
    try {
      const status = await askOnce(options.connections, unknown);
      if (status !== 'in progress') return status;
    } catch (error) {
      cause = error;
      if (error instanceof LeaseholdError && error.code !== 'ledger_unavailable') break;
    }
    await clock.sleep(pauseMs, signal).catch(() => undefined);
  }
  throw new LeaseholdError('ledger_unavailable', {
    detail: 'the connection broke while the server was committing, and whether it did could not be found out',
    cause,
  });
}

async function askOnce(
  connections: Connections,
  { transaction, timeline }: { readonly transaction: string; readonly timeline: string },
): Promise<'in progress' | 'committed' | 'aborted'> {
  const connection = await connections.acquire();
  let broken = true;
  try {
    if (connection.timeline !== timeline)
      throw new LeaseholdError('ledger_unusable', {
        detail: 'another server has taken over, which may not have the transaction',
      });
    const { client } = connection;
    const found = await client.query('SELECT pg_xact_status($1::xid8) AS status', [transaction]);
    const { status } = statusRow.parse(found.rows[0]);
    if (status === 'in progress')
      await client.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE backend_xid = $1::xid8::xid AND state LIKE 'idle in transaction%' AND usename = current_user`,
        [transaction],
      );
    broken = false;
    return status ?? 'in progress';
  } finally {
    connection.release(broken);
  }
}
