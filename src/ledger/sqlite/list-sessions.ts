import type { Session, SessionQuery } from '../ledger.ts';
import { conflict } from '../conflict.ts';
import { equalColumns, isSelected } from '../stored/narrow.ts';
import { parseRow, sessionRow } from '../stored/rows.ts';
import { findSessionRow, fromSession, identityOf, withParts } from './read-session.ts';
import type { Sql, SqlValue } from './statements.ts';

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
      `${fromSession} WHERE seq < ?${where} ORDER BY seq DESC LIMIT ?`,
      options.beforeSeq,
      ...values,
      scanRows,
    )
    .map((row) => parseRow(sessionRow, row, 'session'));
  const sessions: Session[] = [];
  for (const row of rows) {
    if (query.selector !== undefined && !isSelected(query, row, identityOf(sql, row))) continue;
    sessions.push(withParts(sql, row, { withEnded: false }));
    if (sessions.length >= options.limit) return { sessions, beforeSeq: row.seq };
  }
  return { sessions, beforeSeq: rows.length < scanRows ? undefined : rows.at(-1)?.seq };
}

function narrow(query: SessionQuery): { readonly where: string; readonly values: readonly SqlValue[] } {
  const columns = equalColumns(query);
  let where = columns.map(([column]) => ` AND ${column} = ?`).join('');
  const values: SqlValue[] = columns.map(([, value]) => value);
  if (query.states !== undefined) {
    // The literal term lets SQLite use the index that leaves ended sessions out.
    if (!query.states.includes('ended')) where += ` AND state <> 'ended'`;
    where += ` AND state IN (${query.states.map(() => '?').join(', ')})`;
    values.push(...query.states);
  }
  return { where, values };
}
