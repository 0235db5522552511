import { timingSafeEqual } from 'node:crypto';
import type { EnrolmentOutcome } from '../enrolments.ts';

/**
 * What the row of a node says to a token. Nothing about a node's token, not even that it has expired, is told to whoever does not have it, nor
 * does the time that the comparison takes.
 */
export function judgeEnrolment(
  row: Readonly<Record<string, unknown>> | undefined,
  shown: { readonly token: string; readonly key: string; readonly at: number },
): EnrolmentOutcome {
  if (row === undefined || !isSame(String(row['token']), shown.token)) return 'unknown';
  if (shown.at >= Number(row['expires_at'])) return 'expired';
  const key = row['key'];
  if (key === null) return 'spent';
  return key === shown.key ? 'again' : 'other_key';
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
