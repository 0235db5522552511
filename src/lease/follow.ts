import type { Session } from '../ledger/ledger.ts';
import type { LedgerChange } from '../ledger/replicas.ts';
import { tellEnded } from './end-session.ts';
import type { Attached } from './hub.ts';
import type { Parts } from './parts.ts';
import { sendTo } from './redirects.ts';
import { holdKey } from './serial.ts';
import { deliverCurrentStatics } from './static-delivery.ts';

/**
 * Brings what is here (streams, values) in line with what the ledger says, which another replica may have changed. What this one changed
 * itself finds nothing to do.
 */
export interface Follow {
  /** One change of the feed. Never rejects. */
  change(change: LedgerChange): Promise<void>;
  /** Everything here; for what the feed lost. */
  sweep(): Promise<void>;
}

export function createFollow(parts: Parts, sweepRules: () => Promise<void>): Follow {
  const { hub, ledger, log, values } = parts;

  const one = async (id: string): Promise<void> => {
    parts.events.changed(id);
    if (!hub.isAttached(id) && !values.has(id)) return;
    const session = await ledger.findSession(id);
    // A revocation waits for nothing that may be under way here.
    if (session === undefined || isOver(session)) await end(parts, id, session);
    else await parts.serial.run(holdKey(session.workload, session.bundle), () => followHeld(parts, id));
  };

  const sweep = async (): Promise<void> => {
    const held = new Map(
      (await ledger.listHeldBy(parts.replica)).map(({ session, generation }) => [session, generation]),
    );
    const isBehind = (id: string) =>
      hub.attachedTo(id).some(({ sent }) => sent.get(id) !== held.get(id)) || !hub.isAttached(id);
    for (const id of new Set([...hub.sessions(), ...values.sessions()])) if (isBehind(id)) await one(id);
    // Recorded as attached by an open that failed after that.
    for (const id of held.keys()) if (!hub.isAttached(id)) await parts.detachments.letGoAll(id);
  };

  return {
    change: async (change) => {
      try {
        if (change.kind === 'session') await one(change.id);
        else if (change.kind === 'missed') await sweep();
        else {
          parts.locks.reread();
          await sweepRules();
        }
      } catch (error) {
        log.warn('a change by another replica is left to the next sweep', { kind: change.kind }, error);
      }
    },
    sweep,
  };
}

function isOver({ state }: Session): boolean {
  return state === 'revoking' || state === 'ended';
}

async function end(parts: Parts, id: string, session: Session | undefined): Promise<void> {
  const reason = session?.end?.reason ?? 'lost';
  if (session !== undefined && reason === 'superseded') {
    const live = await parts.ledger.findLive(session.workload, session.bundle);
    // A holder that hangs on here never came to the successor, which is another replica's.
    for (const attached of parts.hub.attachedTo(id))
      if (live === undefined || !attached.sessions.has(live.id))
        attached.send({ kind: 'revoked', session: id, reason: 'lost', mayReopen: true });
  }
  tellEnded(parts, id, reason);
}

/** With the hold key taken. */
async function followHeld(parts: Parts, id: string): Promise<void> {
  const { hub, ledger, replica } = parts;
  const session = await ledger.findSession(id);
  if (session === undefined || isOver(session)) {
    await end(parts, id, session);
    return;
  }
  // Every holder has them, or another replica has made new ones.
  if (session.owner?.replica !== replica) parts.values.letGo(id);
  const holders = new Map(((await ledger.listHolders([id])).get(id) ?? []).map((one) => [one.name, one]));
  const owed: Attached[] = [];
  for (const attached of hub.attachedTo(id)) {
    const { holder: name } = attached.verified;
    const holder = holders.get(name);
    if (holder?.attached === true && holder.replica !== replica) {
      hub.drop(attached, id);
      continue;
    }
    // This replica was taken for dead meanwhile.
    if (holder?.attached === false)
      await ledger.attachHolder({ session: id, holder: name, replica, at: parts.backend.now() });
    if (attached.sent.get(id) !== session.generation.id) owed.push(attached);
  }
  if (owed.length > 0 && session.state === 'active') await supply(parts, session, owed);
}

/** Holders here lack the generation that another replica has made. */
async function supply(parts: Parts, session: Session, owed: readonly Attached[]): Promise<void> {
  const bundle = parts.policy.bundle(session.bundle);
  if (bundle === undefined) return;
  if (!session.leased) {
    await deliverCurrentStatics(parts, { session, bundle, to: owed, signal: parts.signal });
    return;
  }
  const owner = parts.replicas.otherOwner(session);
  if (owner?.address === '') {
    // Making new ones here would take theirs away from the owner's holders, and so on for ever.
    parts.log.error('holders are at several brokers that have no address to be redirected to', {});
    return;
  }
  if (owner !== undefined) {
    // Who cannot get there comes back and asks.
    for (const attached of owed) sendTo(attached, session, owner);
    return;
  }
  await parts.ledger.putWork([{ kind: 'rotate', subject: session.id, dueAt: parts.backend.now() }]);
  parts.wake();
}
