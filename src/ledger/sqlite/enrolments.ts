import type { EnrolmentLedger, EnrolmentOutcome } from '../enrolments.ts';
import { judgeEnrolment } from '../stored/enrolments.ts';
import type { Sql } from './statements.ts';

type Input<Name extends keyof EnrolmentLedger> = Parameters<EnrolmentLedger[Name]>[0];

export function addEnrolments(sql: Sql, enrolments: Input<'addEnrolments'>): void {
  for (const { cluster, node, token, at, expiresAt } of enrolments)
    sql.run(
      `INSERT INTO enrolment (cluster, node, token, created_at, expires_at) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (cluster, node) DO UPDATE SET token = excluded.token, key = NULL,
         created_at = excluded.created_at, expires_at = excluded.expires_at`,
      cluster,
      node,
      token,
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
