import type { Delivered, Holder, Lacking } from '../ledger.ts';
import { conflict } from '../conflict.ts';
import type { LedgerInput } from '../input.ts';
import { toHolder } from '../stored/assemble.ts';
import { readSession, requireSessionRow } from './read-session.ts';
import type { Sql } from './statements.ts';
import { putWork, removeWork } from './work-items.ts';

interface HolderName {
  readonly session: string;
  readonly holder: string;
}

export function attach(sql: Sql, input: HolderName & { readonly replica: string }): void {
  const { session, holder, replica } = input;
  if (requireSessionRow(sql, session).state === 'ended') conflict('the session has ended');
  requireHolder(sql, input);
  const elsewhere = 'session = ? AND name = ? AND attached = 1 AND replica <> ?';
  if (sql.get(`SELECT 1 FROM holder WHERE ${elsewhere}`, session, holder, replica) !== undefined)
    sql.tell({ kind: 'session', id: session });
  sql.run(
    'UPDATE holder SET attached = 1, replica = ? WHERE session = ? AND name = ?',
    replica,
    session,
    holder,
  );
  removeWork(sql, session, 'detached');
}

export function reattachHolder(sql: Sql, input: LedgerInput<'reattachHolder'>): Delivered {
  attach(sql, input);
  return recordDelivered(sql, input);
}

export function detach(sql: Sql, input: LedgerInput<'detachHolder'>): void {
  const { state } = requireSessionRow(sql, input.session);
  requireHolder(sql, input);
  const left = sql.run(
    'UPDATE holder SET attached = 0 WHERE session = ? AND name = ? AND attached = 1 AND replica IS ?',
    input.session,
    input.holder,
    input.replica,
  );
  // A second word of the same end must not put off what the first one set.
  if (left === 0 || state === 'revoking' || state === 'ended') return;
  if (sql.get('SELECT 1 FROM holder WHERE session = ? AND attached = 1', input.session) !== undefined) return;
  putWork(sql, [{ kind: 'detached', subject: input.session, dueAt: input.dueAt }]);
}

/** Sessions that nobody was attached to before keep the time they have. */
export function detachGone(sql: Sql, input: LedgerInput<'detachGone'>): void {
  sql.run(
    'UPDATE holder SET attached = 0 WHERE attached = 1 AND (replica IS NULL OR replica NOT IN (SELECT id FROM replica))',
  );
  sql.run(
    `INSERT OR IGNORE INTO work (kind, subject, due_at, available_at)
     SELECT 'detached', id, due, due FROM (
       SELECT session.id, max(?1, min(?2, coalesce(lease_set.expires_at - ?3, ?2))) AS due
       FROM session LEFT JOIN lease_set ON lease_set.session = session.id AND lease_set.state = 'current'
       WHERE session.state <> 'ended' AND session.state <> 'revoking'
         AND NOT EXISTS (SELECT 1 FROM holder WHERE holder.session = session.id AND attached = 1))`,
    input.at,
    input.dueAt,
    input.marginMs,
  );
}

export function recordDelivered(sql: Sql, input: LedgerInput<'recordDelivered'>): Delivered {
  const session = requireSessionRow(sql, input.session);
  requireHolder(sql, input);
  if (session.generation_number === 0 || session.generation_id !== input.generation)
    conflict('not the current generation');
  // Told twice, the first time stands.
  sql.run(
    `UPDATE holder SET generation_id = ?, generation_number = ?, delivered_at = ?, wiped_at = NULL
     WHERE session = ? AND name = ? AND (generation_id <> ? OR wiped_at IS NOT NULL)`,
    input.generation,
    session.generation_number,
    input.at,
    input.session,
    input.holder,
    input.generation,
  );
  const lacking = lookForLacking(sql, input.session, session.generation_number);
  if (session.owner_replica !== null && !lacking.any) endOwnership(sql, input.session, session.owner_replica);
  const supersedes = sql.get(
    `SELECT 1 FROM session WHERE workload = ? AND bundle = ? AND node = ? AND state = 'superseded' LIMIT 1`,
    session.workload,
    session.bundle,
    session.node,
  );
  return {
    session: readSession(sql, input.session, { withEnded: false }),
    lacking,
    supersedes: supersedes !== undefined,
  };
}

/** A holder's number is never above its session's, so that each question is one step into an index. */
function lookForLacking(sql: Sql, session: string, current: number): Lacking {
  const exists = (where: string) =>
    sql.get(
      `SELECT 1 FROM holder WHERE session = ? AND generation_number < ?${where} LIMIT 1`,
      session,
      current,
    ) !== undefined;
  const any = exists('');
  return {
    any,
    attached: any && exists(' AND attached = 1'),
    older: any && exists(' AND generation_number > 0'),
  };
}

/** Nobody needs the values any more. An owner that a word at another replica frees has to be told. */
function endOwnership(sql: Sql, session: string, owner: string): void {
  sql.run('UPDATE session SET owner_replica = NULL WHERE id = ?', session);
  const elsewhere = 'SELECT 1 FROM holder WHERE session = ? AND replica <> ?';
  if (sql.get(elsewhere, session, owner) !== undefined) sql.tell({ kind: 'session', id: session });
}

export function findHolder(sql: Sql, { session, holder }: HolderName): Holder | undefined {
  const row = sql.get('SELECT * FROM holder WHERE session = ? AND name = ?', session, holder);
  return row === undefined ? undefined : toHolder(row);
}

export function listHolders(sql: Sql, sessions: readonly string[]): ReadonlyMap<string, readonly Holder[]> {
  const ofOne = 'SELECT * FROM holder WHERE session = ? ORDER BY position';
  return new Map(sessions.map((id) => [id, sql.all(ofOne, id).map(toHolder)]));
}

export function lookAtOthers(
  sql: Sql,
  { session, holder }: HolderName,
): { readonly attached: boolean; readonly unwiped: boolean } {
  const exists = (where: string) =>
    sql.get(`SELECT 1 FROM holder WHERE session = ? AND name <> ? AND ${where} LIMIT 1`, session, holder) !==
    undefined;
  return { attached: exists('attached = 1'), unwiped: exists('wiped_at IS NULL') };
}

export function isAttachedElsewhere(sql: Sql, input: LedgerInput<'isAttachedElsewhere'>): boolean {
  const elsewhere = 'SELECT 1 FROM holder WHERE session = ? AND attached = 1 AND replica <> ? LIMIT 1';
  return sql.get(elsewhere, input.session, input.replica) !== undefined;
}

/** Where the holders of a session are at several replicas. */
export function tellOthers(sql: Sql, session: string): void {
  const found = sql.get(
    'SELECT count(DISTINCT replica) AS replicas FROM holder WHERE session = ? AND replica IS NOT NULL',
    session,
  );
  if (Number(found?.['replicas']) > 1) sql.tell({ kind: 'session', id: session });
}

export function recordWiped(sql: Sql, input: LedgerInput<'recordWiped'>): void {
  requireHolder(sql, input);
  sql.run(
    'UPDATE holder SET wiped_at = ? WHERE session = ? AND name = ? AND wiped_at IS NULL',
    input.at,
    input.session,
    input.holder,
  );
}

function requireHolder(sql: Sql, { session, holder }: HolderName): void {
  if (sql.get('SELECT 1 FROM holder WHERE session = ? AND name = ?', session, holder) === undefined)
    conflict('no such holder');
}
