import { LeaseholdError } from '../../platform/error.ts';
import type { Identity } from '../../identity/identity.ts';
import type { Credential, Holder, LeaseSet, Lock, Owner, Session, Tombstone } from '../ledger.ts';
import type { Run, ShownRun } from '../runs.ts';
import type { UnrecordedEnd } from '../unrecorded-ends.ts';
import {
  credentialRow,
  holderRow,
  type LeaseSetRow,
  lockRow,
  parseRow,
  type RunRow,
  type SessionRow,
  shownRunRow,
  tombstoneRow,
  unrecordedEndRow,
} from './rows.ts';
import { parseSelector, parseTexts } from './stored-json.ts';

/** Rows of either store as the port shows them. Throws `ledger_unusable` for a row that breaks its schema. */

/** Lease sets in their order; their credentials likewise. */
export function toSession(
  row: SessionRow,
  parts: { readonly identity: Identity; readonly leaseSets: readonly LeaseSet[] },
): Session {
  return {
    id: row.id,
    workload: row.workload,
    bundle: row.bundle,
    node: row.node,
    requestKey: row.request_key,
    identity: parts.identity,
    state: row.state,
    leased: row.leased,
    grant: row.grant_name,
    policyRevision: row.policy_revision,
    createdAt: row.created_at,
    deadlineAt: row.deadline_at,
    endedAt: row.ended_at ?? undefined,
    end: toEnd(row),
    generation: {
      id: row.generation_id,
      number: row.generation_number,
      versions: row.generation_versions,
    },
    owner: toOwner(row),
    leaseSets: parts.leaseSets,
  };
}

function toEnd(row: SessionRow): Session['end'] {
  if (row.end_reason === null) return undefined;
  if (row.end_note === null || row.end_by === null)
    throw new LeaseholdError('ledger_unusable', { detail: 'a stored session has half an end' });
  return { reason: row.end_reason, note: row.end_note, by: row.end_by };
}

export function toUnrecordedEnd(stored: unknown): UnrecordedEnd {
  const { id, session, reason, note, by, at } = parseRow(unrecordedEndRow, stored, 'unrecorded end');
  return { id, session, end: { reason, note, by }, at };
}

function toOwner(row: SessionRow): Owner | undefined {
  if (row.owner_replica === null) return undefined;
  return { replica: row.owner_replica, address: row.owner_address ?? '', epoch: row.owner_epoch ?? 0 };
}

export function toHolder(stored: unknown): Holder {
  const row = parseRow(holderRow, stored, 'holder');
  return {
    name: row.name,
    attached: row.attached,
    replica: row.replica ?? undefined,
    generation: { id: row.generation_id, number: row.generation_number },
    deliveredAt: row.delivered_at ?? undefined,
    wipedAt: row.wiped_at ?? undefined,
  };
}

export function toLeaseSet(row: LeaseSetRow, credentials: readonly unknown[]): LeaseSet {
  return {
    id: row.id,
    session: row.session,
    state: row.state,
    tokenRole: row.token_role,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    credentials: credentials.map(toCredential),
  };
}

export function toCredential(stored: unknown): Credential {
  const row = parseRow(credentialRow, stored, 'credential');
  return {
    id: row.id,
    kind: row.kind,
    path: row.path,
    reference: row.reference,
    renewable: row.renewable,
    expiresAt: row.expires_at,
    settlement: row.settlement,
    why: row.why ?? undefined,
    since: row.since,
    nextTryAt: row.next_try_at ?? undefined,
    attempts: row.attempts,
    maybeRevoked: row.maybe_revoked,
  };
}

export function toTombstone(stored: unknown): Tombstone {
  const { workload, bundle, reason, by, created_at } = parseRow(tombstoneRow, stored, 'tombstone');
  return { workload, bundle, reason, by, createdAt: created_at };
}

export function toLock(stored: unknown): Lock {
  const { id, selector, reason, by, created_at } = parseRow(lockRow, stored, 'lock');
  return { id, selector: parseSelector(selector), reason, by, createdAt: created_at };
}

export function toShownRun(stored: unknown): readonly [string, ShownRun] {
  const { workload, restarts, sluid } = parseRow(shownRunRow, stored, 'run');
  return [workload, { restarts, sluid: sluid ?? undefined }];
}

export function toRun(row: RunRow, identity: Identity): Run {
  if (identity.kind !== 'run')
    throw new LeaseholdError('ledger_unusable', { detail: 'a stored run has another kind of identity' });
  return {
    identity,
    restarts: row.restarts,
    sluid: row.sluid ?? undefined,
    endsAt: row.ends_at ?? undefined,
    bundles: parseTexts(row.bundles),
    state: row.state,
    registeredAt: row.registered_at,
    endingAt: row.ending_at ?? undefined,
    endedAt: row.ended_at ?? undefined,
  };
}
