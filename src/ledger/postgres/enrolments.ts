import type {
  EnrolmentLedger,
  EnrolmentOutcome,
  KnownEnrolment,
  WithdrawnEnrolment,
  WithdrawOutcome,
} from '../enrolments.ts';
import { judgeEnrolment, judgeWithdrawal, toKnownEnrolment } from '../stored/enrolments.ts';
import type { Sql } from './statements.ts';

type Input<Name extends keyof EnrolmentLedger> = Parameters<EnrolmentLedger[Name]>[0];

/** One statement, in the order of the names: two that make tokens for the same nodes at once do not wait for each other in a ring. */
export async function addEnrolments(sql: Sql, enrolments: Input<'addEnrolments'>): Promise<void> {
  const column = (name: 'cluster' | 'node' | 'token' | 'by') => enrolments.map((one) => one[name]);
  const instants = (name: 'at' | 'expiresAt') => enrolments.map((one) => String(Math.round(one[name])));
  await sql.run(
    `INSERT INTO enrolment (cluster, node, token, made_by, created_at, expires_at)
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])
       AS given (cluster, node, token, made_by, created_at, expires_at) ORDER BY cluster, node
     ON CONFLICT (cluster, node) DO UPDATE SET token = excluded.token, key = NULL,
       made_by = excluded.made_by, created_at = excluded.created_at, expires_at = excluded.expires_at`,
    column('cluster'),
    column('node'),
    column('token'),
    column('by'),
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

export async function listEnrolments(
  sql: Sql,
  query: Input<'listEnrolments'>,
): Promise<readonly KnownEnrolment[]> {
  const { cluster, unusedAt, after } = query;
  const rows = await sql.all(
    `SELECT cluster, node, made_by, created_at, expires_at, key FROM enrolment
     WHERE ($1::text IS NULL OR cluster = $1)
       AND ($2::bigint IS NULL OR (key IS NULL AND expires_at > $2))
       AND ($3::text IS NULL OR (cluster, node) > ($3, $4::text))
     ORDER BY cluster, node LIMIT $5`,
    cluster ?? null,
    unusedAt ?? null,
    after?.cluster ?? null,
    after?.node ?? null,
    Math.max(0, query.limit),
  );
  return rows.map(toKnownEnrolment);
}

/** Locked as in `spendEnrolment`: what a key spends at that moment is either not withdrawn, or not spent. */
export async function withdrawEnrolment(
  sql: Sql,
  { cluster, node, at }: Input<'withdrawEnrolment'>,
): Promise<WithdrawOutcome> {
  const row = await sql.get(
    'SELECT * FROM enrolment WHERE cluster = $1 AND node = $2 FOR UPDATE',
    cluster,
    node,
  );
  const judged = judgeWithdrawal(row, at);
  if (judged.outcome === 'withdrawn')
    await sql.run('DELETE FROM enrolment WHERE cluster = $1 AND node = $2', cluster, node);
  return judged;
}

/** Locked in the order of the names, as `addEnrolments` does; what is deleted is what was locked. */
export async function withdrawEnrolmentsOf(
  sql: Sql,
  { cluster, at }: Input<'withdrawEnrolmentsOf'>,
): Promise<readonly WithdrawnEnrolment[]> {
  const rows = await sql.all(
    `SELECT node, token FROM enrolment WHERE cluster = $1 AND key IS NULL AND expires_at > $2
     ORDER BY node FOR UPDATE`,
    cluster,
    at,
  );
  const withdrawn = rows.map(({ node, token }) => ({ node: String(node), token: String(token) }));
  const nodes = withdrawn.map(({ node }) => node);
  await sql.run('DELETE FROM enrolment WHERE cluster = $1 AND node = ANY ($2::text[])', cluster, nodes);
  return withdrawn;
}
