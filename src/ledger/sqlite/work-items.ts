import type { LedgerInput } from '../input.ts';
import type { NewWork, Work, WorkKind } from '../ledger.ts';
import { parseRow, workRow } from '../stored/rows.ts';
import type { Sql } from './statements.ts';

/** REPLACE gives the row a new version, which is what makes a claim on the old one stale. */
export function putWork(sql: Sql, items: readonly NewWork[]): void {
  for (const { kind, subject, dueAt } of items) {
    sql.run(
      'INSERT OR REPLACE INTO work (kind, subject, due_at, available_at) VALUES (?, ?, ?, ?)',
      kind,
      subject,
      dueAt,
      dueAt,
    );
  }
}

export function removeWork(sql: Sql, subject: string, kind: WorkKind): void {
  sql.run('DELETE FROM work WHERE subject = ? AND kind = ?', subject, kind);
}

export function removeAllWork(sql: Sql, subject: string): void {
  sql.run('DELETE FROM work WHERE subject = ?', subject);
}

/** The session that the work is for has attached holders, and none of them at this replica. */
const heldElsewhere = `
  kind IN ('renew', 'rotate', 'deadline') AND EXISTS (
    SELECT 1 FROM (SELECT coalesce((SELECT session FROM lease_set WHERE id = work.subject), work.subject) AS id) AS held
    WHERE EXISTS (SELECT 1 FROM holder WHERE holder.session = held.id AND attached = 1)
      AND NOT EXISTS (SELECT 1 FROM holder WHERE holder.session = held.id AND attached = 1 AND replica = ?))`;

/**
 * An expired claim is due again when it expired. Each claim has a version of its own: whoever lost an item by sleeping past the claim cannot
 * finish it under the next owner.
 */
export function claimWork(sql: Sql, input: LedgerInput<'claimWork'>): readonly Work[] {
  const due = sql
    .all(
      `SELECT version, kind, subject, due_at FROM work
       WHERE available_at <= ?${ofKinds(input.kinds)}${input.heldHere === true ? ` AND NOT (${heldElsewhere})` : ''}
       ORDER BY available_at, version LIMIT ?`,
      input.now,
      ...(input.kinds ?? []),
      ...(input.heldHere === true ? [input.owner] : []),
      Math.max(0, input.limit),
    )
    .map((row) => parseRow(workRow, row, 'work item'));
  return due.map(({ kind, subject, due_at: dueAt }) => {
    const claimed = sql.get(
      `INSERT OR REPLACE INTO work (kind, subject, due_at, available_at, claimed_by) VALUES (?, ?, ?, ?, ?)
       RETURNING version, kind, subject, due_at`,
      kind,
      subject,
      dueAt,
      input.claimUntil,
      input.owner,
    );
    return { kind, subject, dueAt, version: parseRow(workRow, claimed, 'work item').version };
  });
}

export function finishWork(sql: Sql, { work, dueAt }: LedgerInput<'finishWork'>): void {
  const removed = sql.run('DELETE FROM work WHERE version = ?', work.version);
  if (removed === 1 && dueAt !== undefined) putWork(sql, [{ kind: work.kind, subject: work.subject, dueAt }]);
}

export function nextWorkAt(sql: Sql, kinds?: readonly WorkKind[]): number | undefined {
  const found = sql.get(
    `SELECT min(available_at) AS at FROM work WHERE true${ofKinds(kinds)}`,
    ...(kinds ?? []),
  );
  const at = found?.['at'];
  return typeof at === 'number' ? at : undefined;
}

function ofKinds(kinds: readonly WorkKind[] | undefined): string {
  return kinds === undefined ? '' : ` AND kind IN (${kinds.map(() => '?').join(', ')})`;
}
