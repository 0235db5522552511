import type { LedgerInput } from '../input.ts';
import type { NewWork, Work, WorkKind } from '../ledger.ts';
import { dueWorkRow, parseRow, workRow } from '../stored/rows.ts';
import { kindsOf } from '../stored/work-kinds.ts';
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

/**
 * The session that the work is for has holders attached at replicas that are there, and none of them at this one. Of one that is gone nobody else
 * would do the work: its holders are detached later than it is removed. Replicas are few, so that each is one step into an index.
 */
const heldElsewhere = `
  kind IN ('renew', 'rotate', 'deadline') AND EXISTS (
    SELECT 1 FROM (SELECT coalesce((SELECT session FROM lease_set WHERE id = work.subject), work.subject) AS id) AS held
    WHERE EXISTS (SELECT 1 FROM replica CROSS JOIN holder ON holder.replica = replica.id
        WHERE holder.session = held.id AND attached = 1)
      AND NOT EXISTS (SELECT 1 FROM holder WHERE holder.session = held.id AND attached = 1 AND replica = ?))`;

/**
 * An expired claim is due again when it expired. Looked for kind by kind, so that an index gives the oldest of each without sorting all that is due,
 * which may be a hundred thousand. Each claim has a version of its own: whoever lost an item by sleeping past the claim cannot
 * finish it under the next owner.
 */
export function claimWork(sql: Sql, input: LedgerInput<'claimWork'>): readonly Work[] {
  const limit = Math.max(0, input.limit);
  const due = kindsOf(input.kinds)
    .flatMap((kind) =>
      sql.all(
        `SELECT version, kind, subject, due_at, available_at FROM work
         WHERE kind = ? AND available_at <= ?${input.heldHere === true ? ` AND NOT (${heldElsewhere})` : ''}
         ORDER BY available_at, version LIMIT ?`,
        kind,
        input.now,
        ...(input.heldHere === true ? [input.owner] : []),
        limit,
      ),
    )
    .map((row) => parseRow(dueWorkRow, row, 'work item'))
    .toSorted((a, b) => a.available_at - b.available_at || a.version - b.version)
    .slice(0, limit);
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

/** Put again, which gives a new version: a claim from before cannot be finished. */
export function releaseLostClaims(sql: Sql, { owner, kinds, known }: LedgerInput<'releaseLostClaims'>): void {
  const keys = new Set(known.map(({ kind, subject }) => `${kind}\n${subject}`));
  const claimed = kinds
    .flatMap((kind) =>
      sql.all(
        'SELECT version, kind, subject, due_at FROM work WHERE kind = ? AND claimed_by = ?',
        kind,
        owner,
      ),
    )
    .map((row) => parseRow(workRow, row, 'work item'))
    .filter(({ kind, subject }) => !keys.has(`${kind}\n${subject}`));
  putWork(
    sql,
    claimed.map(({ kind, subject, due_at: dueAt }) => ({ kind, subject, dueAt })),
  );
}

export function nextWorkAt(sql: Sql, kinds?: readonly WorkKind[]): number | undefined {
  const found = kindsOf(kinds).flatMap((kind) => {
    const at = sql.get('SELECT min(available_at) AS at FROM work WHERE kind = ?', kind)?.['at'];
    return typeof at === 'number' ? at : [];
  });
  return found.length === 0 ? undefined : Math.min(...found);
}
