import type { Audit, AuditEvent } from '../audit/audit.ts';
import type { Identity } from '../identity/identity.ts';
import {
  type Credential,
  endReasons,
  type LeaseSet,
  type Session,
  type SessionEnd,
} from '../ledger/ledger.ts';
import { isCanaryWorkload } from '../platform/canary-workload.ts';

type IdentityFacts = Pick<
  AuditEvent,
  'workload' | 'spiffeId' | 'pod' | 'node' | 'job' | 'array' | 'user' | 'account' | 'partition'
>;

export function identityFacts(identity: Identity): IdentityFacts {
  const { workload, spiffeId } = identity;
  if (isCanaryWorkload(workload)) return { workload };
  if (identity.kind === 'pod') {
    const { namespace, pod, node } = identity;
    return { workload, spiffeId, pod: `${namespace}/${pod}`, node };
  }
  const { jobId, array, user, account, partition } = identity;
  return {
    workload,
    spiffeId,
    job: String(jobId),
    ...(array === undefined ? {} : { array: `${array.jobId}_${array.taskId}` }),
    user,
    ...(account === '' ? {} : { account }),
    partition,
  };
}

export function sessionFacts(
  session: Session,
): IdentityFacts & Pick<AuditEvent, 'bundle' | 'session' | 'rule' | 'policyRevision'> {
  return {
    ...identityFacts(session.identity),
    bundle: session.bundle,
    session: session.id,
    rule: session.grant,
    policyRevision: session.policyRevision,
  };
}

/** Why a session has ended, with what a person said of it. */
export function reasonOf({ reason, note }: Pick<SessionEnd, 'reason' | 'note'>): string {
  return note === '' ? reason : `${reason}: ${note}`;
}

/** The inverse of `reasonOf`; undefined for what it did not write. */
export function endOf(said: string): Pick<SessionEnd, 'reason' | 'note'> | undefined {
  const [word = '', ...rest] = said.split(': ');
  const reason = endReasons.find((one) => one === word);
  return reason === undefined ? undefined : { reason, note: rest.join(': ') };
}

/** Token first, then leases; ids only as keyed hashes. */
export function leaseSetFacts(
  leaseSet: LeaseSet,
  audit: Audit,
): Pick<AuditEvent, 'leaseSet' | 'paths' | 'hmacs'> {
  const ordered = tokenFirst(leaseSet);
  return {
    leaseSet: leaseSet.id,
    paths: ordered.map((credential) => credential.path),
    hmacs: ordered.map((credential) => audit.hmac(credential.reference)),
  };
}

/** One word where all ended alike; otherwise one for each credential, in the order of `leaseSetFacts`. */
export function settlementOf(leaseSet: LeaseSet): string {
  const settlements = tokenFirst(leaseSet).map(({ settlement }) => settlement);
  return new Set(settlements).size === 1 ? (settlements[0] ?? '') : settlements.join(',');
}

function tokenFirst({ credentials }: LeaseSet): readonly Credential[] {
  return credentials.toSorted((a, b) => (a.kind === b.kind ? 0 : a.kind === 'token' ? -1 : 1));
}
