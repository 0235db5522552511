import type { PodIdentity } from '../../../src/identity/identity.ts';
import type { Holder, Ledger, NewSession } from '../../../src/ledger/ledger.ts';
import type { ErrorCode } from '../../../src/platform/error.ts';
import { randomId } from '../../../src/platform/random-id.ts';
import { expect } from 'vitest';

/** An empty ledger of a test's own. */
export interface LedgerWorld {
  readonly ledger: Ledger;
  /** Closes the store and opens the same one again. */
  reopen(): Promise<Ledger>;
  /** Closes what is open and removes it. */
  close(): Promise<void>;
}

export type OpenLedgerWorld = () => Promise<LedgerWorld>;

/** A moment to count from. */
export const start = 1_800_000_000_000;

/** Where holders are attached, unless told otherwise. */
export const replica = 'rep_one';

export function aPod(uid: string, overrides: Partial<PodIdentity> = {}): PodIdentity {
  const cluster = overrides.cluster ?? 'east';
  return {
    kind: 'pod',
    workload: `pod/${cluster}/${uid}`,
    spiffeId: `spiffe://example.org/k8s/${cluster}/ns/shop/sa/api/pod/${uid}`,
    cluster,
    namespace: 'shop',
    serviceAccount: 'api',
    serviceAccountUid: 'sa-1',
    pod: `api-${uid}`,
    podUid: uid,
    node: 'node-1',
    labels: { app: 'api', 'odd "label"': 'ü' },
    images: { known: true, digests: [`sha256:${'a'.repeat(64)}`] },
    ...overrides,
  };
}

/** A leased session of one holder, unless told otherwise. */
export function aSession(overrides: Partial<NewSession> = {}): NewSession {
  return { ...unleased(overrides), leaseSet: aLeaseSet(), ...overrides };
}

/** A session without leases. */
export function aStaticSession(overrides: Partial<NewSession> = {}): NewSession {
  return { ...unleased(overrides), generation: { id: randomId('gen_'), versions: 'v1' }, ...overrides };
}

function unleased(overrides: Partial<NewSession>): NewSession {
  const identity = overrides.identity ?? aPod('uid-1');
  return {
    id: randomId('ses_'),
    workload: identity.workload,
    bundle: 'db',
    node: '',
    requestKey: randomId('req_'),
    identity,
    holders: ['pod'],
    grant: 'shop-may-db',
    policyRevision: 'rev-1',
    deadlineAt: start + 3_600_000,
    generation: undefined,
    attach: 'pod',
    replica,
    work: [],
    at: start,
  };
}

export function aLeaseSet(): NonNullable<NewSession['leaseSet']> {
  return { id: randomId('set_'), tokenRole: 'leasehold-db', settleAt: start + 150_000 };
}

export async function refusal(promise: Promise<unknown>): Promise<ErrorCode> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ name: 'LeaseholdError' });
  return (error as { readonly code: ErrorCode }).code;
}

/** Puts token and lease on record. */
export async function recordIssue(ledger: Ledger, leaseSet: string, at = start): Promise<void> {
  await ledger.recordToken({
    leaseSet,
    accessor: `accessor-of-${leaseSet}`,
    path: 'auth/token/create/leasehold-db',
    expiresAt: at + 60_000,
    at,
  });
  await ledger.recordLease({
    leaseSet,
    leaseId: `database/creds/app/${leaseSet}`,
    path: 'database/creds/app',
    renewable: true,
    expiresAt: at + 50_000,
    at,
  });
}

/** Begins, issues and activates; the ids that came of it. */
export async function anActiveSession(
  ledger: Ledger,
  overrides: Partial<NewSession> = {},
): Promise<{ readonly session: string; readonly leaseSet: string; readonly generation: string }> {
  const leaseSet = overrides.leaseSet ?? aLeaseSet();
  const input = aSession({ ...overrides, leaseSet });
  await ledger.beginSession(input);
  const generation = await rotateTo(ledger, input.id, leaseSet.id);
  return { session: input.id, leaseSet: leaseSet.id, generation };
}

/** Issues and activates a lease set that stands as an intent; the generation that came of it. */
export async function rotateTo(
  ledger: Ledger,
  session: string,
  leaseSet: string,
  at = start,
): Promise<string> {
  await recordIssue(ledger, leaseSet, at);
  const generation = randomId('gen_');
  await ledger.activate({
    session,
    leaseSet: { id: leaseSet, expiresAt: at + 50_000 },
    generation: { id: generation, versions: '' },
    retireAt: at + 30_000,
    work: [],
    at,
  });
  return generation;
}

export async function holdersOf(ledger: Ledger, session: string): Promise<readonly Holder[]> {
  return (await ledger.listHolders([session])).get(session) ?? [];
}

/** Everything that is due, without claiming it for long. */
export async function dueWork(ledger: Ledger, now: number): Promise<readonly string[]> {
  const claimed = await ledger.claimWork({ owner: 'look', now, claimUntil: now + 1, limit: 1_000 });
  for (const work of claimed) await ledger.finishWork({ work, dueAt: work.dueAt });
  return claimed.map(({ kind, subject, dueAt }) => `${kind} ${subject} ${dueAt - start}`);
}

/** Settles every credential of a lease set. */
export async function settleAll(ledger: Ledger, leaseSet: string, at = start): Promise<void> {
  const found = await ledger.findLeaseSet(leaseSet);
  for (const { id } of found?.credentials ?? []) {
    await ledger.settleCredential({
      credential: id,
      settlement: 'confirmed',
      why: undefined,
      nextTryAt: undefined,
      at,
    });
  }
}

/** From the first request to proof: issued, delivered, renewed, rotated, detached, attached again, revoked and settled. */
export async function wholeLife(ledger: Ledger): Promise<void> {
  const { session, leaseSet, generation } = await anActiveSession(ledger);
  await ledger.recordDelivered({ session, holder: 'pod', generation, at: start });
  await ledger.recordRenewal({ leaseSet, expiresAt: start + 90_000, work: [], at: start });
  const next = aLeaseSet();
  await ledger.detachHolder({ session, holder: 'pod', replica, dueAt: start + 20_000, at: start });
  await ledger.reattachHolder({ session, holder: 'pod', replica, generation, at: start });
  await ledger.beginLeaseSet({ session, leaseSet: next, at: start });
  await rotateTo(ledger, session, next.id);
  const due = { now: start + 30_000, claimUntil: start + 60_000, limit: 8, heldHere: true };
  for (const work of await ledger.claimWork({ owner: replica, ...due })) await ledger.finishWork({ work });
  await ledger.beginRevokeLeaseSet({ leaseSet, at: start });
  await settleAll(ledger, leaseSet);
  await ledger.finishLeaseSet({ leaseSet, at: start });
  await ledger.beginRevoke({
    session,
    end: { reason: 'admin', note: '', by: 'on-call' },
    tombstone: true,
    at: start,
  });
  await settleAll(ledger, next.id);
  await ledger.finishLeaseSet({ leaseSet: next.id, at: start });
}
