import { conflict } from '../conflict.ts';
import type { Session, SessionQuery } from '../ledger.ts';
import { equalColumns, isSelected } from '../stored/narrow.ts';
import { parseRow, type SessionRow, sessionRow } from '../stored/rows.ts';
import { fromSession, identityOf, readSessions } from './read-session.ts';
import type { Sql, SqlValue } from './statements.ts';

/** Rows looked at in one go. */
const scanRows = 256;

/** Newest first, in bounded steps, so that a selector that matches little neither fills memory nor meets the statement's time limit. */
export async function listSessions(sql: Sql, query: SessionQuery): Promise<readonly Session[]> {
  const found: Session[] = [];
  let beforeSeq = await startOfPage(sql, query);
  while (found.length < query.limit) {
    const { where, values } = narrow(query, beforeSeq);
    const rows = (
      await sql.all(`${fromSession} WHERE ${where} ORDER BY seq DESC LIMIT ${scanRows}`, ...values)
    ).map((row) => parseRow(sessionRow, row, 'session'));
    const selected = (await select(sql, query, rows)).slice(0, query.limit - found.length);
    // Those that have changed their state or were pruned since are left out.
    const still = narrow(query, beforeSeq);
    if (selected.length > 0)
      found.push(
        ...(await readSessions(
          sql,
          `${still.where} AND session.id = ANY ($${still.values.length + 1}::text[])`,
          ...still.values,
          selected.map(({ id }) => id),
        )),
      );
    const last = rows.at(-1);
    if (last === undefined || rows.length < scanRows) break;
    beforeSeq = last.seq;
  }
  return found;
}

async function select(
  sql: Sql,
  query: SessionQuery,
  rows: readonly SessionRow[],
): Promise<readonly SessionRow[]> {
  if (query.selector === undefined) return rows;
  const selected: SessionRow[] = [];
  for (const row of rows) if (isSelected(query, row, await identityOf(sql, row))) selected.push(row);
  return selected;
}

async function startOfPage(sql: Sql, query: SessionQuery): Promise<number> {
  if (query.after === undefined) return Number.MAX_SAFE_INTEGER;
  const row = await sql.get('SELECT seq FROM session WHERE id = $1', query.after);
  const seq = row?.['seq'];
  // Starting over from the newest would repeat pages without end.
  return typeof seq === 'number' ? seq : conflict('the page before this one is no longer there');
}

function narrow(
  query: SessionQuery,
  beforeSeq: number,
): { readonly where: string; readonly values: readonly SqlValue[] } {
  const values: SqlValue[] = [beforeSeq];
  let where = 'session.seq < $1';
  for (const [column, value] of equalColumns(query)) {
    values.push(value);
    where += ` AND session.${column} = $${values.length}`;
  }
  if (query.states !== undefined) {
    // The literal term lets the planner use the index that leaves ended sessions out.
    if (!query.states.includes('ended')) where += ` AND session.state <> 'ended'`;
    values.push(query.states);
    where += ` AND session.state = ANY ($${values.length}::text[])`;
  }
  return { where, values };
}
