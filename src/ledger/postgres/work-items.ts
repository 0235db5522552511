import type { LedgerInput } from '../input.ts';
import type { NewWork, Work, WorkKind } from '../ledger.ts';
import { parseRow, workRow } from '../stored/rows.ts';
import { kindsOf } from '../stored/work-kinds.ts';
import type { Sql } from './statements.ts';

/**
 * A new version is what makes a claim on the old one stale. Versions follow the order of the items; rows are locked in one order
 * for all, so that two puts do not wait for each other.
 */
export async function putWork(sql: Sql, items: readonly NewWork[]): Promise<void> {
  if (items.length === 0) return;
  // Of two for the same kind and subject the last one counts.
  const last = [...new Map(items.map((item) => [`${item.subject}\n${item.kind}`, item])).values()];
  await sql.run(
    `WITH item AS MATERIALIZED (
       SELECT subject, kind, due_at, nextval('work_version') AS version
       FROM unnest($1::text[], $2::text[], $3::bigint[]) AS item (subject, kind, due_at)
     )
     INSERT INTO work (subject, kind, version, due_at, available_at)
     SELECT subject, kind, version, due_at, due_at FROM item ORDER BY subject, kind
     ON CONFLICT (subject, kind) DO UPDATE SET version = excluded.version, due_at = excluded.due_at,
       available_at = excluded.available_at, claimed_by = NULL`,
    last.map(({ subject }) => subject),
    last.map(({ kind }) => kind),
    last.map(({ dueAt }) => dueAt),
  );
}

export async function removeWork(sql: Sql, subject: string, kind: WorkKind): Promise<void> {
  await sql.run('DELETE FROM work WHERE subject = $1 AND kind = $2', subject, kind);
}

export async function removeAllWork(sql: Sql, subject: string): Promise<void> {
  await sql.run('DELETE FROM work WHERE subject = $1', subject);
}

/**
 * The session that the work is for has holders attached at replicas that are there, and none of them at replica $6. Of one that is gone nobody
 * else would do the work: its holders are detached later than it is removed.
 */
const heldElsewhere = `
  work.kind IN ('renew', 'rotate', 'deadline') AND EXISTS (
    SELECT 1 FROM (SELECT coalesce((SELECT session FROM lease_set WHERE id = work.subject), work.subject) AS id) AS held
    WHERE EXISTS (SELECT 1 FROM holder JOIN replica ON replica.id = holder.replica
        WHERE holder.session = held.id AND attached)
      AND NOT EXISTS (SELECT 1 FROM holder WHERE holder.session = held.id AND attached AND replica = $6))`;

/**
 * One statement, so that the rows are nobody else's between being found and being claimed: whoever looks at the same time passes over
 * them (SKIP LOCKED), and whoever comes later sees the claim. Each claim has a version of its own: whoever lost an item by sleeping past the
 * claim cannot finish it under the next owner. Looked for kind by kind, so that an index gives the oldest of each without sorting all that is due.
 */
export async function claimWork(sql: Sql, input: LedgerInput<'claimWork'>): Promise<readonly Work[]> {
  const rows = await sql.change(
    `WITH due AS MATERIALIZED (
       SELECT item.* FROM unnest($2::text[]) AS wanted (kind) CROSS JOIN LATERAL (
         SELECT subject, kind, available_at, version FROM work
         WHERE kind = wanted.kind AND available_at <= $1 AND ($6::text IS NULL OR NOT (${heldElsewhere}))
         ORDER BY available_at, version LIMIT $3 FOR UPDATE SKIP LOCKED
       ) AS item ORDER BY available_at, version LIMIT $3
     ), claimed AS (
       UPDATE work SET version = nextval('work_version'), available_at = $4, claimed_by = $5
       FROM due WHERE work.subject = due.subject AND work.kind = due.kind
       RETURNING work.version, work.kind, work.subject, work.due_at, due.available_at AS was_at, due.version AS was
     )
     SELECT version, kind, subject, due_at FROM claimed ORDER BY was_at, was`,
    input.now,
    kindsOf(input.kinds),
    Math.max(0, input.limit),
    input.claimUntil,
    input.owner,
    input.heldHere === true ? input.owner : null,
  );
  return rows.map((row) => {
    const { version, kind, subject, due_at: dueAt } = parseRow(workRow, row, 'work item');
    return { version, kind, subject, dueAt };
  });
}

export async function finishWork(sql: Sql, { work, dueAt }: LedgerInput<'finishWork'>): Promise<void> {
  if (dueAt === undefined) await sql.run('DELETE FROM work WHERE version = $1', work.version);
  else
    await sql.run(
      `UPDATE work SET version = nextval('work_version'), due_at = $2, available_at = $2, claimed_by = NULL
       WHERE version = $1`,
      work.version,
      dueAt,
    );
}

/** A new version, so that a claim from before cannot be finished. */
export async function releaseLostClaims(
  sql: Sql,
  { owner, kinds, known }: LedgerInput<'releaseLostClaims'>,
): Promise<void> {
  await sql.run(
    `UPDATE work SET claimed_by = NULL, available_at = due_at, version = nextval('work_version')
     WHERE claimed_by = $1 AND kind = ANY($2::text[]) AND NOT EXISTS (
       SELECT 1 FROM unnest($3::text[], $4::text[]) AS known (kind, subject)
       WHERE known.kind = work.kind AND known.subject = work.subject)`,
    owner,
    kinds,
    known.map(({ kind }) => kind),
    known.map(({ subject }) => subject),
  );
}

export async function nextWorkAt(
  sql: Sql,
  kinds: readonly WorkKind[] | undefined,
): Promise<number | undefined> {
  const found = await sql.get(
    `SELECT min(item.available_at) AS at FROM unnest($1::text[]) AS wanted (kind) CROSS JOIN LATERAL (
       SELECT available_at FROM work WHERE kind = wanted.kind ORDER BY available_at LIMIT 1) AS item`,
    kindsOf(kinds),
  );
  const at = found?.['at'];
  return typeof at === 'number' ? at : undefined;
}
