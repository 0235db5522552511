import { checkLease } from '../backend/check-lease.ts';
import type { Session } from '../ledger/ledger.ts';
import { hasCode } from '../platform/error.ts';
import type { Secret } from '../platform/secret.ts';
import type { Bundle } from '../policy/bundle.ts';
import type { SecretFields } from './owned-values.ts';
import type { Parts } from './parts.ts';
import { requireNoSharedKey } from './shared-key.ts';

/** A lease set that is recorded but not yet current. */
export interface Issued {
  readonly leaseSet: string;
  readonly fields: SecretFields;
  readonly expiresAt: number;
}

interface Issuing {
  readonly session: Session;
  readonly bundle: Bundle;
  readonly leaseSet: string;
}

/** How often an issue starts over after a lost reply before it gives up. */
const restarts = 2;

/** When an intent of which nothing more was heard can only stand for something dead. */
export function settleAt(parts: Pick<Parts, 'backend'>, at: number): number {
  return at + parts.backend.requestLimitMs + parts.backend.probationSeconds * 1000;
}

/**
 * Steps 3 to 5 for an intent that stands in the ledger. The caller holds an admission slot for all of it, so that a storm queues
 * before the probation starts to run. A lost reply of a read may have left a credential that nobody can name: its token is
 * revoked and everything starts over with another, never a second read on the same one.
 */
export async function issue(parts: Parts, options: Issuing): Promise<Issued> {
  let { leaseSet } = options;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await issueOnce(parts, { ...options, leaseSet });
    } catch (error) {
      const again = hasCode(error, 'backend_lost_reply', 'backend_timeout') && attempt < restarts;
      const at = parts.backend.now();
      await giveUp(parts, leaseSet, at);
      if (!again) throw error;
      leaseSet = parts.randomId('set_');
      await parts.ledger.beginLeaseSet({
        session: options.session.id,
        owner: parts.replicas.owner(options.session.identity),
        leaseSet: { id: leaseSet, tokenRole: options.bundle.tokenRole, settleAt: settleAt(parts, at) },
        at,
      });
      await parts.reach('lease_set.begun', leaseSet);
    }
  }
}

/** A ledger that is away leaves the settle item; why the issue failed matters more. */
export async function giveUp(parts: Parts, leaseSet: string, at: number): Promise<void> {
  try {
    await parts.ledger.beginRevokeLeaseSet({ leaseSet, at });
    parts.wake();
  } catch (error) {
    parts.log.error('a lease set that failed could not be given up yet', { leaseSet }, error);
  }
}

async function issueOnce(parts: Parts, options: Issuing): Promise<Issued> {
  const { leaseSet } = options;
  parts.issuing.add(leaseSet);
  try {
    return await makeAndRead(parts, options);
  } finally {
    parts.issuing.delete(leaseSet);
  }
}

async function makeAndRead(parts: Parts, { session, bundle, leaseSet }: Issuing): Promise<Issued> {
  const { backend, ledger, signal } = parts;
  const createdAt = backend.now();
  // From here on the caller's signal counts no more: a request that was sent runs to its end at the backend.
  const { token, accessor, ttlSeconds } = await backend.createToken({
    tokenRole: bundle.tokenRole,
    intent: leaseSet,
    signal,
  });
  try {
    await parts.reach('token.created', leaseSet);
    let expiresAt = createdAt + ttlSeconds * 1000;
    await recorded(
      parts,
      () =>
        ledger.recordToken({
          leaseSet,
          accessor,
          path: `auth/token/create/${bundle.tokenRole}`,
          expiresAt,
          at: backend.now(),
        }),
      () => backend.revokeToken({ accessor, signal }),
    );
    await parts.reach('token.recorded', leaseSet);
    const fields = new Map<string, ReadonlyMap<string, Secret>>();
    for (const source of bundle.secrets) {
      if (source.kind !== 'leased') continue;
      const askedAt = backend.now();
      const secret = await backend.read({ token, source, signal });
      await parts.reach('lease.read', leaseSet);
      const { lease } = secret;
      if (lease !== undefined) {
        const { leaseId, renewable } = lease;
        const leaseExpiresAt = askedAt + lease.ttlSeconds * 1000;
        const { path } = source;
        // Recorded before it is judged: what the check below refuses must still be revoked.
        await recorded(
          parts,
          () =>
            ledger.recordLease({
              leaseSet,
              leaseId,
              path,
              renewable,
              expiresAt: leaseExpiresAt,
              at: backend.now(),
            }),
          () => backend.revokeLease({ leaseId, signal }),
        );
        await parts.reach('lease.recorded', leaseSet);
        expiresAt = Math.min(expiresAt, leaseExpiresAt);
      }
      checkLease(source, lease, {
        probationSeconds: backend.probationSeconds,
        allowed: parts.settings.allowLongLeases,
      });
      requireNoSharedKey(session, source, secret.fields);
      fields.set(source.name, secret.fields);
    }
    return { leaseSet, fields, expiresAt };
  } finally {
    token.wipe();
  }
}

/** What the ledger cannot take is revoked while its name is still known; its short first ttl stands behind that. */
async function recorded(
  parts: Parts,
  record: () => Promise<void>,
  revoke: () => Promise<void>,
): Promise<void> {
  try {
    await record();
  } catch (error) {
    await revoke().catch((failure: unknown) => {
      parts.log.error('a credential that could not be recorded is left to its first ttl', {}, failure);
    });
    throw error;
  }
}
