import type { CanaryStatus } from '../lease/canary/canary.ts';
import type { KnownToken, NodeName } from '../lease/runs/enrolment-tokens.ts';
import type { Credential, Lock, Session, SessionWithHolders, Tombstone } from '../ledger/ledger.ts';
import { LeaseholdError } from '../platform/error.ts';
import { brokenMountedPathRule } from '../policy/backend-path.ts';
import { isEmptySelector, type Selector } from '../policy/selector.ts';
import type { Canary as WireCanary } from './gen/leasehold/v1/Canary.ts';
import type { EnrolmentTokenFacts } from './gen/leasehold/v1/EnrolmentTokenFacts.ts';
import type { Lock as WireLock } from './gen/leasehold/v1/Lock.ts';
import type { Selector__Output, Selector as WireSelector } from './gen/leasehold/v1/Selector.ts';
import type { Session as WireSession } from './gen/leasehold/v1/Session.ts';
import type { Tombstone as WireTombstone } from './gen/leasehold/v1/Tombstone.ts';

const longest = 512;
const longestReason = 500;
const defaultPageSize = 200;
const largestPageSize = 1_000;
/** Ids, names and workload keys: what an administrator copies from a listing. */
const plain = /^[A-Za-z0-9_./:-]{1,512}$/;

const refuse = (detail: string) => new LeaseholdError('request_invalid', { detail });

/** Absent and empty mean the same on the wire. Throws `request_invalid` for a field that is too long. */
export function parseOptionalSelector(message: Selector__Output | null): Selector | undefined {
  const take = (name: keyof Selector__Output): Record<string, string> => {
    const value = message?.[name];
    if (typeof value !== 'string' || value === '') return {};
    if (value.length > longest) throw refuse(`selector.${name}: too long`);
    return { [name]: value };
  };
  const selector: Selector = {
    ...take('session'),
    ...take('cluster'),
    ...take('namespace'),
    ...take('serviceAccount'),
    ...take('pod'),
    ...take('podUid'),
    ...take('job'),
    ...take('array'),
    ...take('user'),
    ...take('account'),
    ...take('partition'),
    ...take('node'),
    ...take('imageDigest'),
    ...take('bundle'),
    ...(message?.all === true ? { all: true } : {}),
  };
  return isEmptySelector(selector) ? undefined : selector;
}

/** For what changes something: nothing said is not everything. */
export function parseSelector(message: Selector__Output | null): Selector {
  const selector = parseOptionalSelector(message);
  if (selector === undefined) throw refuse('selector: must not be empty');
  return selector;
}

export function parseReason(reason: string): string {
  const trimmed = reason.trim();
  if (trimmed === '' || trimmed.length > longestReason) throw refuse('reason: 1 to 500 characters');
  return trimmed;
}

export function parseId(field: string, value: string): string {
  if (!plain.test(value)) throw refuse(`${field}: 1 to 512 letters, digits, _ . / : and -`);
  return value;
}

export function parseEnginePath(field: string, value: string): string {
  const broken = brokenMountedPathRule(value);
  if (broken !== undefined) throw refuse(`${field}: ${broken}`);
  return value;
}

export function parsePage(request: { readonly pageSize: number; readonly pageToken: string }): {
  readonly pageSize: number;
  readonly after: string | undefined;
} {
  if (request.pageSize > largestPageSize) throw refuse('page_size: 1 to 1000');
  return {
    pageSize: request.pageSize === 0 ? defaultPageSize : request.pageSize,
    after: request.pageToken === '' ? undefined : parseId('page_token', request.pageToken),
  };
}

/** `<cluster>/<node>`, as pages of enrolment tokens go on from it. */
export function parseNodeName(field: string, value: string): NodeName {
  const [cluster, node, ...more] = value.split('/');
  if (cluster === undefined || node === undefined || more.length > 0)
    throw refuse(`${field}: not one of ours`);
  return { cluster, node };
}

export function toEnrolmentTokenMessage(token: KnownToken): EnrolmentTokenFacts {
  return {
    cluster: token.cluster,
    node: token.node,
    by: token.by,
    madeAtMs: Math.round(token.at),
    expiresAtMs: Math.round(token.expiresAt),
    state: token.state,
    key: token.key ?? '',
  };
}

export function toSelectorMessage(selector: Selector): WireSelector {
  return { ...selector };
}

export function toLockMessage(lock: Lock): WireLock {
  return {
    id: lock.id,
    selector: toSelectorMessage(lock.selector),
    reason: lock.reason,
    by: lock.by,
    createdAtMs: Math.round(lock.createdAt),
  };
}

export function toTombstoneMessage(tombstone: Tombstone): WireTombstone {
  return {
    workload: tombstone.workload,
    bundle: tombstone.bundle,
    reason: tombstone.reason,
    by: tombstone.by,
    createdAtMs: Math.round(tombstone.createdAt),
  };
}

export function toCanaryMessage(canary: CanaryStatus): WireCanary {
  const { path, bundle, outcome, why = '', session = '' } = canary;
  const instant = (at: number | undefined) => Math.round(at ?? 0);
  return {
    path,
    bundle,
    outcome,
    why,
    ranAtMs: instant(canary.ranAt),
    session,
    passedAtMs: instant(canary.passedAt),
    nextAtMs: instant(canary.nextAt),
  };
}

export function toSessionMessage(
  session: SessionWithHolders,
  hmac: (credential: Credential) => string,
): WireSession {
  const { identity } = session;
  return {
    id: session.id,
    workload: session.workload,
    spiffeId: identity.spiffeId,
    cluster: identity.cluster,
    ...workloadFacts(session),
    bundle: session.bundle,
    state: session.state,
    grant: session.grant,
    createdAtMs: Math.round(session.createdAt),
    deadlineMs: Math.round(session.deadlineAt),
    endedAtMs: Math.round(session.endedAt ?? 0),
    endReason: session.end?.reason ?? '',
    generation: session.generation.number,
    leased: session.leased,
    holders: session.holders.map((holder) => ({
      name: holder.name,
      attached: holder.attached,
      generation: holder.generation.number,
      deliveredAtMs: Math.round(holder.deliveredAt ?? 0),
      wipedAtMs: Math.round(holder.wipedAt ?? 0),
    })),
    credentials: session.leaseSets.flatMap(({ credentials }) =>
      credentials.map((credential) => ({
        id: credential.id,
        kind: credential.kind,
        path: credential.path,
        hmac: hmac(credential),
        settlement: credential.settlement,
        why: credential.why ?? '',
        sinceMs: Math.round(credential.since),
        nextTryMs: Math.round(credential.nextTryAt ?? 0),
        attempts: credential.attempts,
        expiresAtMs: Math.round(credential.expiresAt),
      })),
    ),
  };
}

function workloadFacts({ identity, run }: SessionWithHolders): Partial<WireSession> {
  if (identity.kind === 'pod') {
    const { namespace, serviceAccount, pod, node } = identity;
    return { namespace, serviceAccount, pod, node };
  }
  const { jobId, start, array, het, user, account, partition, qos, nodes } = identity;
  return {
    node: nodes.length === 1 ? (nodes[0] ?? '') : '',
    run: {
      jobId,
      startMs: start * 1000,
      array: array === undefined ? '' : `${array.jobId}_${array.taskId}`,
      het: het === undefined ? '' : `${het.jobId}+${het.offset}`,
      user,
      account,
      partition,
      qos,
      nodes: nodes.length,
      ...(run === undefined ? {} : { restarts: run.restarts, sluid: run.sluid ?? '' }),
    },
  };
}

/** Nothing of it is held or outstanding any more. */
export function isSettled(session: Session): boolean {
  return session.state === 'ended';
}
