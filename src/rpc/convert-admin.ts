import type { Credential, Lock, Session, Tombstone } from '../ledger/ledger.ts';
import { LeaseholdError } from '../platform/error.ts';
import type { Selector } from '../policy/selector.ts';
import type { Lock as WireLock } from './gen/leasehold/v1/Lock.ts';
import type { Selector__Output, Selector as WireSelector } from './gen/leasehold/v1/Selector.ts';
import type { Session as WireSession } from './gen/leasehold/v1/Session.ts';
import type { Tombstone as WireTombstone } from './gen/leasehold/v1/Tombstone.ts';

const longest = 512;
const longestReason = 500;

/** Absent and empty mean the same on the wire. Throws `request_invalid` for a field that is too long. */
export function parseSelectorMessage(selector: Selector__Output | null): Selector {
  const parsed: Record<string, string | true> = {};
  const take = (name: keyof Selector, value: string | undefined) => {
    if (value === undefined || value === '') return;
    if (value.length > longest)
      throw new LeaseholdError('request_invalid', { detail: `selector.${name}: too long` });
    parsed[name] = value;
  };
  take('session', selector?.session);
  take('cluster', selector?.cluster);
  take('namespace', selector?.namespace);
  take('serviceAccount', selector?.serviceAccount);
  take('pod', selector?.pod);
  take('podUid', selector?.podUid);
  take('node', selector?.node);
  take('imageDigest', selector?.imageDigest);
  take('bundle', selector?.bundle);
  if (selector?.all === true) parsed['all'] = true;
  return parsed;
}

export function parseReason(reason: string): string {
  const trimmed = reason.trim();
  if (trimmed === '' || trimmed.length > longestReason)
    throw new LeaseholdError('request_invalid', { detail: 'reason: 1 to 500 characters' });
  return trimmed;
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

export function toSessionMessage(session: Session, hmac: (credential: Credential) => string): WireSession {
  const { identity } = session;
  return {
    id: session.id,
    workload: session.workload,
    spiffeId: identity.spiffeId,
    cluster: identity.cluster,
    namespace: identity.namespace,
    serviceAccount: identity.serviceAccount,
    pod: identity.pod,
    node: identity.node,
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

/** Nothing of it is held or outstanding any more. */
export function isSettled(session: Session): boolean {
  return session.state === 'ended';
}
