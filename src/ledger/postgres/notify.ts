import type { LedgerChange } from '../replicas.ts';
import type { Sql } from './statements.ts';

/** One for all schemas of a database; the payload names the schema first. */
export const channel = 'leasehold';

/**
 * Sent by the server when the transaction is committed. Only for what other replicas must act on: commits that notify follow each other
 * one by one (https://www.postgresql.org/docs/current/sql-notify.html), so the steps of an ordinary issue or renewal do not.
 */
export async function tell(sql: Sql, { kind, id }: Exclude<LedgerChange, { kind: 'missed' }>): Promise<void> {
  await sql.run(`SELECT pg_notify($1, current_schema() || ' ' || $2 || ' ' || $3)`, channel, kind, id);
}

/** Several at once, in a commit of their own. */
export async function tellOfSessions(sql: Sql, ids: readonly string[]): Promise<void> {
  await sql.all(
    `SELECT pg_notify($1, current_schema() || ' session ' || id) FROM unnest($2::text[]) AS told (id)`,
    channel,
    ids,
  );
}

/** Undefined for another schema's, and for what a newer broker tells that this one does not know. */
export function parsePayload(payload: string | undefined, schema: string): LedgerChange | undefined {
  const [of, kind, id, ...more] = (payload ?? '').split(' ');
  if (of !== schema || id === undefined || id === '' || more.length > 0) return undefined;
  return kind === 'session' || kind === 'lock' ? { kind, id } : undefined;
}
