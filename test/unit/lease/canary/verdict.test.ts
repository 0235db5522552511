import { describe, expect, it } from 'vitest';
import { canaryIdentity } from '../../../../src/lease/canary/canary-session.ts';
import { judge } from '../../../../src/lease/canary/verdict.ts';
import type { Credential, Session, SessionEnd, SessionState } from '../../../../src/ledger/ledger.ts';
import type { ErrorCode } from '../../../../src/platform/error.ts';

type Kept = Pick<Credential, 'kind' | 'settlement'> & { readonly why?: ErrorCode };

function session(
  state: SessionState,
  end: Pick<SessionEnd, 'reason' | 'note'> | undefined,
  ...kept: readonly Kept[]
): Session {
  const credentials = kept.map(({ kind, settlement, why }, index): Credential => {
    return {
      id: `cre_${index}`,
      kind,
      path: 'database/creds/app',
      reference: 'r',
      renewable: true,
      expiresAt: 60_000,
      settlement,
      why,
      since: 0,
      nextTryAt: undefined,
      attempts: 1,
      maybeRevoked: false,
    };
  });
  return {
    id: 'ses_1',
    workload: 'canary/database/creds/app',
    bundle: 'db',
    node: '',
    requestKey: 'req_1',
    identity: canaryIdentity('database/creds/app'),
    state,
    leased: true,
    grant: '(canary)',
    policyRevision: 'r1',
    createdAt: 0,
    deadlineAt: 1,
    endedAt: state === 'ended' ? 1 : undefined,
    end: end === undefined ? undefined : { ...end, by: 'broker' },
    generation: { id: '', number: 0, versions: '' },
    owner: undefined,
    leaseSets: [
      {
        id: 'set_1',
        session: 'ses_1',
        state: state === 'ended' ? 'ended' : 'revoking',
        tokenRole: 'leasehold-db',
        createdAt: 0,
        expiresAt: 1,
        credentials,
      },
    ],
  };
}

const released = { reason: 'released', note: '' } as const;
const token = { kind: 'token', settlement: 'confirmed' } as const;
const lease = (settlement: Credential['settlement'], why?: ErrorCode) =>
  ({ kind: 'lease', settlement, ...(why === undefined ? {} : { why }) }) as const;
const failed = (note: string) => ({ reason: 'issue_failed', note }) as const;

describe('a canary', () => {
  it.each<[string, Session, string, string | undefined]>([
    ['under way', session('opening', undefined), 'pending', undefined],
    [
      'whose revocation was not tried yet',
      session('revoking', released, lease('outstanding')),
      'pending',
      undefined,
    ],
    [
      'whose backend went away before the revocation',
      session('revoking', released, lease('outstanding', 'backend_unavailable')),
      'pending',
      undefined,
    ],
    [
      'that cannot be revoked',
      session('revoking', released, token, lease('outstanding', 'backend_rejected')),
      'revoke_failed',
      'backend_rejected',
    ],
    [
      'whose issue failed and left what cannot be revoked',
      session('revoking', failed('backend_reply_invalid'), lease('outstanding', 'backend_timeout')),
      'revoke_failed',
      'backend_timeout',
    ],
    [
      'that a person gave up on',
      session('ended', released, token, lease('written_off', 'backend_rejected')),
      'revoke_failed',
      'backend_rejected',
    ],
    [
      'for which nothing could be issued',
      session('ended', failed('backend_rejected'), token),
      'issue_failed',
      'backend_rejected',
    ],
    ['that met a sealed backend', session('ended', failed('backend_sealed')), 'none', undefined],
    ['that could not be audited', session('ended', failed('audit_unavailable')), 'none', undefined],
    ['whose broker died', session('ended', failed(''), token, lease('confirmed')), 'none', undefined],
    ['whose note is no code', session('ended', failed('toString'), token), 'none', undefined],
    ['without a lease', session('ended', released, token), 'none', undefined],
    ['that somebody else took away', session('ended', released, token, lease('vanished')), 'none', undefined],
    ['that lapsed', session('ended', released, token, lease('lapsed')), 'none', undefined],
    [
      'seen, revoked and not seen',
      session('ended', released, token, lease('confirmed')),
      'passed',
      undefined,
    ],
    [
      'that an administrator took back in the middle, and that was seen gone',
      session('ended', { reason: 'admin', note: 'drill' }, token, lease('confirmed')),
      'passed',
      undefined,
    ],
  ])('%s', (_case, found, outcome, why) => {
    expect(judge(found)).toEqual({ outcome, why });
  });
});
