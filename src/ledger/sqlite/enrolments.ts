import type {
  EnrolmentLedger,
  EnrolmentOutcome,
  KnownEnrolment,
  WithdrawnEnrolment,
  WithdrawOutcome,
} from '../enrolments.ts';
import { judgeEnrolment, judgeWithdrawal, toKnownEnrolment } from '../stored/enrolments.ts';
import type { Sql, SqlValue } from './statements.ts';

type Input<Name extends keyof EnrolmentLedger> = Parameters<EnrolmentLedger[Name]>[0];

export function addEnrolments(sql: Sql, enrolments: Input<'addEnrolments'>): void {
  for (const { cluster, node, token, by, at, expiresAt } of enrolments)
    sql.run(
      `INSERT INTO enrolment (cluster, node, token, made_by, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (cluster, node) DO UPDATE SET token = excluded.token, key = NULL,
         made_by = excluded.made_by, created_at = excluded.created_at, expires_at = excluded.expires_at`,
      cluster,
      node,
      token,
      by,
      at,
      expiresAt,
    );
}

export function spendEnrolment(sql: Sql, input: Input<'spendEnrolment'>): EnrolmentOutcome {
  const { cluster, node, key } = input;
  const row = sql.get('SELECT * FROM enrolment WHERE cluster = ? AND node = ?', cluster, node);
  const outcome = judgeEnrolment(row, input);
  if (outcome === 'spent')
    sql.run('UPDATE enrolment SET key = ? WHERE cluster = ? AND node = ?', key, cluster, node);
  return outcome;
}

export function listEnrolments(sql: Sql, query: Input<'listEnrolments'>): readonly KnownEnrolment[] {
  const { cluster, unusedAt, after } = query;
  const filters: readonly (readonly [string, ...SqlValue[]])[] = [
    ...(cluster === undefined ? [] : [['cluster = ?', cluster] as const]),
    ...(unusedAt === undefined ? [] : [['key IS NULL AND expires_at > ?', unusedAt] as const]),
    ...(after === undefined ? [] : [['(cluster, node) > (?, ?)', after.cluster, after.node] as const]),
  ];
  const where = ['TRUE', ...filters.map(([text]) => text)].join(' AND ');
  const values = filters.flatMap(([, ...given]) => given);
  return sql
    .all(
      `SELECT cluster, node, made_by, created_at, expires_at, key FROM enrolment
       WHERE ${where} ORDER BY cluster, node LIMIT ?`,
      ...values,
      Math.max(0, query.limit),
    )
    .map(toKnownEnrolment);
}

export function withdrawEnrolment(sql: Sql, input: Input<'withdrawEnrolment'>): WithdrawOutcome {
  const { cluster, node, at } = input;
  const row = sql.get('SELECT * FROM enrolment WHERE cluster = ? AND node = ?', cluster, node);
  const judged = judgeWithdrawal(row, at);
  if (judged.outcome === 'withdrawn')
    sql.run('DELETE FROM enrolment WHERE cluster = ? AND node = ?', cluster, node);
  return judged;
}

export function withdrawEnrolmentsOf(
  sql: Sql,
  { cluster, at }: Input<'withdrawEnrolmentsOf'>,
): readonly WithdrawnEnrolment[] {
  const unused = 'cluster = ? AND key IS NULL AND expires_at > ?';
  const rows = sql.all(`SELECT node, token FROM enrolment WHERE ${unused} ORDER BY node`, cluster, at);
  sql.run(`DELETE FROM enrolment WHERE ${unused}`, cluster, at);
  return rows.map(({ node, token }) => ({ node: String(node), token: String(token) }));
}
