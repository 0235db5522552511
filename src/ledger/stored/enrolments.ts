import { timingSafeEqual } from 'node:crypto';
import type { EnrolmentOutcome, KnownEnrolment, WithdrawOutcome } from '../enrolments.ts';

type Row = Readonly<Record<string, unknown>>;

/**
 * What the row of a node says to a token. Nothing about a node's token, not even that it has expired, is told to whoever does not have it, nor
 * does the time that the comparison takes.
 */
export function judgeEnrolment(
  row: Row | undefined,
  shown: { readonly token: string; readonly key: string; readonly at: number },
): EnrolmentOutcome {
  if (row === undefined || !isSame(String(row['token']), shown.token)) return 'unknown';
  if (shown.at >= Number(row['expires_at'])) return 'expired';
  const key = row['key'];
  if (key === null) return 'spent';
  return key === shown.key ? 'again' : 'other_key';
}

/** What becomes of the row of a node whose token is to be withdrawn. One that is spent is that before it is expired: somebody has a certificate. */
export function judgeWithdrawal(row: Row | undefined, at: number): WithdrawOutcome {
  if (row === undefined) return { outcome: 'unknown' };
  if (row['key'] !== null) return { outcome: 'spent' };
  if (at >= Number(row['expires_at'])) return { outcome: 'expired' };
  return { outcome: 'withdrawn', token: String(row['token']) };
}

export function toKnownEnrolment(row: Row): KnownEnrolment {
  const key = row['key'];
  return {
    cluster: String(row['cluster']),
    node: String(row['node']),
    by: String(row['made_by']),
    at: Number(row['created_at']),
    expiresAt: Number(row['expires_at']),
    key: typeof key === 'string' ? key : undefined,
  };
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
