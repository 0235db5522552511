import type { Session } from '../../ledger/ledger.ts';
import { type ErrorCode, isErrorCode } from '../../platform/error.ts';

/** What a canary's session says about its path. */
export type Verdict =
  | { readonly outcome: 'passed'; readonly why: undefined }
  | { readonly outcome: 'issue_failed' | 'revoke_failed'; readonly why: ErrorCode | undefined }
  /** `pending`: not yet. `none`: nothing, since its broker died, the backend was away, or somebody else ended it. */
  | { readonly outcome: 'pending' | 'none'; readonly why: undefined };

/** Failures of one path; with any other code it is the backend, the ledger or the broker that was in trouble. */
const ofThePath: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'backend_denied',
  'backend_not_found',
  'backend_rejected',
  'backend_reply_invalid',
  'backend_timeout',
]);

export function isOfThePath(code: ErrorCode | undefined): code is ErrorCode {
  return code !== undefined && ofThePath.has(code);
}

/** `session` with its ended lease sets. Why an issue failed stands as a code in the note of its end. */
export function judge(session: Session): Verdict {
  const credentials = session.leaseSets.flatMap((set) => set.credentials);
  const stuck = credentials.find(({ settlement, why }) => settlement === 'outstanding' && isOfThePath(why));
  if (stuck !== undefined) return { outcome: 'revoke_failed', why: stuck.why };
  if (session.state !== 'ended') return { outcome: 'pending', why: undefined };
  const leases = credentials.filter(({ kind }) => kind === 'lease');
  const writtenOff = leases.find(({ settlement }) => settlement === 'written_off');
  if (writtenOff !== undefined) return { outcome: 'revoke_failed', why: writtenOff.why };
  if (session.end?.reason === 'issue_failed') {
    const { note } = session.end;
    const why = isErrorCode(note) ? note : undefined;
    return isOfThePath(why) ? { outcome: 'issue_failed', why } : { outcome: 'none', why: undefined };
  }
  const isConfirmed = leases.length > 0 && leases.every(({ settlement }) => settlement === 'confirmed');
  return { outcome: isConfirmed ? 'passed' : 'none', why: undefined };
}
