import type { Session, SessionQuery } from '../ledger.ts';
import { matchesSelector, type Selector } from '../../policy/selector.ts';
import { conflict } from './conflict.ts';
import { findSessionRow, type SessionRow, toSession } from './read-session.ts';
import { parseRow, sessionRow } from './rows.ts';
import type { Sql, SqlValue } from './statements.ts';
import { parseIdentity } from './stored-json.ts';

/** Rows looked at in one go, so that a selector that matches little does not hold up commits. */
export const scanRows = 256;

export interface ScanStep {
  readonly sessions: readonly Session[];
  /** Where the next step goes on; undefined at the end. */
  readonly beforeSeq: number | undefined;
}

/** The row number that a page starts below. */
export function startOfPage(sql: Sql, query: SessionQuery): number {
  if (query.after === undefined) return Number.MAX_SAFE_INTEGER;
  // Starting over from the newest would repeat pages without end.
  return findSessionRow(sql, query.after)?.seq ?? conflict('the page before this one is no longer there');
}

/** One bounded step of a listing, newest first, at most `limit` matches. */
export function scanSessions(
  sql: Sql,
  query: SessionQuery,
  options: { readonly beforeSeq: number; readonly limit: number },
): ScanStep {
  const { where, values } = narrow(query);
  const rows = sql
    .all(
      `SELECT * FROM session WHERE seq < ?${where} ORDER BY seq DESC LIMIT ?`,
      options.beforeSeq,
      ...values,
      scanRows,
    )
    .map((row) => parseRow(sessionRow, row, 'session'));
  const sessions: Session[] = [];
  for (const row of rows) {
    if (!matches(query.selector, row)) continue;
    sessions.push(toSession(sql, row, { withEnded: false }));
    if (sessions.length >= options.limit) return { sessions, beforeSeq: row.seq };
  }
  return { sessions, beforeSeq: rows.length < scanRows ? undefined : rows.at(-1)?.seq };
}

function matches(selector: Selector | undefined, row: SessionRow): boolean {
  if (selector === undefined) return true;
  const identity = parseIdentity(row.identity);
  return matchesSelector(selector, { identity, bundle: row.bundle, session: row.id });
}

/** Only what an index answers; the selector itself still decides about each row. */
function narrow(query: SessionQuery): { readonly where: string; readonly values: readonly SqlValue[] } {
  let where = '';
  const values: SqlValue[] = [];
  const equal = (column: string, value: string | undefined) => {
    if (value === undefined || value.includes('*')) return;
    where += ` AND ${column} = ?`;
    values.push(value);
  };
  equal('workload', query.workload);
  equal('id', query.selector?.session);
  equal('cluster', query.selector?.cluster);
  equal('namespace', query.selector?.namespace);
  equal('pod_uid', query.selector?.podUid);
  equal('bundle', query.selector?.bundle);
  if (query.states !== undefined) {
    // The literal term lets SQLite use the index that leaves ended sessions out.
    if (!query.states.includes('ended')) where += ` AND state <> 'ended'`;
    where += ` AND state IN (${query.states.map(() => '?').join(', ')})`;
    values.push(...query.states);
  }
  return { where, values };
}
