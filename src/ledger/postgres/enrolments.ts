import type { EnrolmentLedger, EnrolmentOutcome } from '../enrolments.ts';
import { judgeEnrolment } from '../stored/enrolments.ts';
import type { Sql } from './statements.ts';

type Input<Name extends keyof EnrolmentLedger> = Parameters<EnrolmentLedger[Name]>[0];

/** One statement, in the order of the names: two that make tokens for the same nodes at once do not wait for each other in a ring. */
export async function addEnrolments(sql: Sql, enrolments: Input<'addEnrolments'>): Promise<void> {
  const column = (name: 'cluster' | 'node' | 'token') => enrolments.map((one) => one[name]);
  const instants = (name: 'at' | 'expiresAt') => enrolments.map((one) => String(Math.round(one[name])));
  await sql.run(
    `INSERT INTO enrolment (cluster, node, token, created_at, expires_at)
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[])
       AS given (cluster, node, token, created_at, expires_at) ORDER BY cluster, node
     ON CONFLICT (cluster, node) DO UPDATE SET token = excluded.token, key = NULL,
       created_at = excluded.created_at, expires_at = excluded.expires_at`,
    column('cluster'),
    column('node'),
    column('token'),
    instants('at'),
    instants('expiresAt'),
  );
}

/** Locked before it is looked at, so that of two keys that show a token at once one is first. */
export async function spendEnrolment(sql: Sql, input: Input<'spendEnrolment'>): Promise<EnrolmentOutcome> {
  const { cluster, node, key } = input;
  const row = await sql.get(
    'SELECT * FROM enrolment WHERE cluster = $1 AND node = $2 FOR UPDATE',
    cluster,
    node,
  );
  const outcome = judgeEnrolment(row, input);
  if (outcome === 'spent')
    await sql.run('UPDATE enrolment SET key = $1 WHERE cluster = $2 AND node = $3', key, cluster, node);
  return outcome;
}
