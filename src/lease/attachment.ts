import type { Verified } from '../identity/identity.ts';
import type { Delivered, Session, SessionKey } from '../ledger/ledger.ts';
import { hasCode, LeaseholdError } from '../platform/error.ts';
import { acknowledged } from './acknowledge.ts';
import { identityFacts, sessionFacts } from './audit-facts.ts';
import { nearDeadline } from './deadline.ts';
import { endSession } from './end-session.ts';
import type { Attached } from './hub.ts';
import { join, open, openSuccessor } from './open.ts';
import type { Parts } from './parts.ts';
import { keyOf } from './session-key.ts';
import { isRefusal, publicCode } from './refusal.ts';
import { holdKey } from './serial.ts';
import type { Attachment, OpenRequest } from './sessions.ts';
import { recordAnyway } from './record-anyway.ts';

/** One holder's stream, as the session engine sees it. */
export function createAttachment(parts: Parts, attached: Attached, isDraining: () => boolean): Attachment {
  const { workload } = attached.verified.identity;

  const refused = async (bundle: string, error: unknown): Promise<void> => {
    const known = LeaseholdError.from(error);
    const { code, retryAfterMs } = publicCode(known);
    parts.events.count('refused');
    if (known.code === 'internal') parts.log.error('an open failed', { workload, bundle }, error);
    attached.send({ kind: 'refused', bundle, code, retryAfterMs });
    await recordAnyway(parts, {
      action: 'open',
      outcome: isRefusal(known) ? 'refused' : 'failed',
      code: known.code,
      actor: attached.verified.identity.spiffeId,
      ...identityFacts(attached.verified.identity),
      holder: attached.verified.holder,
      credentialId: attached.verified.credentialId,
      bundle,
      ...(known.detail !== undefined && known.code === 'not_granted' ? { rule: known.detail } : {}),
      policyRevision: parts.policy.revision,
    });
  };

  const isOwn = (found: Session): boolean =>
    found.workload === workload && (found.node === '' || found.node === attached.verified.holder);

  /** The session, if it is this workload's and no other node's alone; the same error whether it exists or not. */
  const find = async (session: string): Promise<Session> => {
    const found = await parts.ledger.findSession(session);
    if (found === undefined || !isOwn(found)) throw new LeaseholdError('session_unknown');
    return found;
  };

  /** For what has no record of its own when it is refused. */
  const own = async (session: string): Promise<Session> => {
    try {
      return await find(session);
    } catch (error) {
      if (!hasCode(error, 'session_unknown')) throw error;
      await parts.audit.record({
        action: 'open',
        outcome: 'refused',
        code: 'session_unknown',
        actor: attached.verified.identity.spiffeId,
        ...identityFacts(attached.verified.identity),
        holder: attached.verified.holder,
        credentialId: attached.verified.credentialId,
      });
      throw error;
    }
  };

  /** By the policy, unless the holder has a session of the other kind: a change of that is none for what works. */
  const keyFor = async ({ bundle, resume }: OpenRequest): Promise<SessionKey> => {
    const wanted = keyOf(attached.verified, bundle, parts.policy.bundle(bundle));
    // A pod has one kind alone.
    if (resume === undefined || attached.verified.identity.kind === 'pod') return wanted;
    const held = await parts.ledger.findSession(resume.session);
    if (held?.bundle !== bundle || held.node === wanted.node || !isOwn(held)) return wanted;
    // It, or its successor.
    const before = { ...wanted, node: held.node };
    return (await parts.ledger.findLive(before)) === undefined ? wanted : before;
  };

  const openInTurn = async (request: OpenRequest, signal: AbortSignal): Promise<void> => {
    const key = await keyFor(request);
    const opening = { attached, request, key, signal };
    const stillAsks = (): void => {
      if (isDraining()) throw new LeaseholdError('shutting_down');
      if (!attached.open) throw new LeaseholdError('cancelled');
    };
    const first = async (): Promise<Session | undefined> => {
      stillAsks();
      const live = await parts.ledger.findLive(key);
      if (request.resume !== undefined && request.resume.session !== live?.id)
        await find(request.resume.session);
      return live;
    };
    const hold = holdKey(key);
    if (attached.verified.holders.length === 1 || key.node !== '')
      return parts.serial.run(hold, async () => open(parts, opening, await first()));
    const rest = await parts.serial.share(hold, async () => join(parts, opening, await first()));
    if (rest === undefined) return undefined;
    return parts.serial.run(hold, async () => {
      stillAsks();
      await rest();
    });
  };

  /** The stream ended or was taken over in the middle: what came out of it has nobody. */
  const letGoIfGone = async (): Promise<void> => {
    if (!attached.open) await parts.detachments.letGo(attached, parts.hub.leave(attached));
  };

  /** The successor of one session near its deadline. */
  const succeed = (session: Session): Promise<void> =>
    parts.serial.run(holdKey(session), async () => {
      if (isDraining()) throw new LeaseholdError('shutting_down');
      const live = await parts.ledger.findLive(session);
      const request = { bundle: session.bundle, requestKey: parts.randomId('req_'), resume: undefined };
      // Another holder's proof came first; its successor is everybody's, also where that holder is at another replica.
      if (live !== undefined && live.id !== session.id) {
        if (!attached.sessions.has(live.id))
          await open(parts, { attached, request, key: session, signal: parts.signal }, live);
        return;
      }
      await openSuccessor(parts, { attached, request, key: session, signal: parts.signal }, session);
    });

  return {
    open: async (request, { signal }) => {
      try {
        await openInTurn(request, AbortSignal.any([signal, parts.signal]));
      } catch (error) {
        await refused(request.bundle, error);
      }
      await letGoIfGone();
    },
    delivered: async ({ session, generation }) => {
      const found = await own(session);
      if (found.state !== 'active' && found.state !== 'superseded') return;
      const { holder } = attached.verified;
      let after: Delivered;
      try {
        after = await parts.ledger.recordDelivered({ session, holder, generation, at: parts.backend.now() });
      } catch (error) {
        // A newer generation is on its way already; its acknowledgement is the one that counts.
        if (hasCode(error, 'ledger_conflict')) return;
        throw error;
      }
      await parts.reach('generation.delivered', session);
      await acknowledged(parts, after);
      parts.events.changed(session);
      // Ending its stream for want of a record would take its secrets away.
      await recordAnyway(parts, {
        action: 'delivered',
        outcome: 'ok',
        actor: found.identity.spiffeId,
        ...sessionFacts(found),
        holder,
        generation,
      });
    },
    wiped: async ({ session }) => {
      const found = await own(session);
      const { holder } = attached.verified;
      await parts.ledger.recordWiped({ session, holder, at: parts.backend.now() });
      parts.events.changed(session);
      await recordAnyway(parts, {
        action: 'wiped',
        outcome: 'ok',
        actor: found.identity.spiffeId,
        ...sessionFacts(found),
        holder,
      });
    },
    release: async ({ session }) => {
      const found = await own(session);
      // A node that is away for a moment still runs its part of the job, until the scheduler begins to end that.
      const isRunning = found.identity.kind === 'run' && parts.states.state(workload).phase !== 'terminating';
      const { holder } = attached.verified;
      const others = await parts.ledger.lookAtOthers({ session, holder });
      if (others.attached || (isRunning && others.unwiped)) {
        // One holder of several cannot end it for the others: it only lets go.
        parts.hub.drop(attached, session);
        await parts.detachments.letGo(attached, [session]);
        return;
      }
      await endSession(parts, {
        session,
        reason: 'released',
        by: found.identity.spiffeId,
        tombstone: false,
      });
    },
    refresh: async (verified: Verified) => {
      const before = attached.verified;
      if (verified.identity.workload !== workload || verified.holder !== before.holder) {
        await parts.audit.record({
          action: 'attach',
          outcome: 'refused',
          code: 'credential_wrong_workload',
          actor: before.identity.spiffeId,
          ...identityFacts(before.identity),
          credentialId: verified.credentialId,
        });
        throw new LeaseholdError('credential_wrong_workload');
      }
      attached.verified = verified;
      const now = parts.backend.now();
      for (const id of [...attached.sessions]) {
        const session = await parts.ledger.findSession(id);
        if (session === undefined || !nearDeadline(session, now)) continue;
        try {
          await succeed(session);
        } catch (error) {
          // The session goes on to its deadline; the holder may prove itself again until then.
          await refused(session.bundle, error);
        }
      }
      await letGoIfGone();
    },
    detach: async () => {
      await parts.detachments.letGo(attached, parts.hub.leave(attached));
    },
  };
}
