import type { Session } from '../ledger/ledger.ts';
import { tellEnded } from './end-session.ts';
import type { Attached } from './hub.ts';
import type { Parts } from './parts.ts';
import { sendTo } from './redirects.ts';
import { deliverCurrentStatics } from './static-delivery.ts';

export function isOver({ state }: Session): boolean {
  return state === 'revoking' || state === 'ended';
}

/** What another replica has ended, or the ledger does not know, ends here. Waits for nothing that may be under way here. */
export async function followEnd(parts: Parts, id: string, session: Session | undefined): Promise<void> {
  const reason = session?.end?.reason ?? 'lost';
  if (session !== undefined && reason === 'superseded') {
    const live = await parts.ledger.findLive(session);
    // A holder that hangs on here never came to the successor, which is another replica's.
    for (const attached of parts.hub.attachedTo(id))
      if (live === undefined || !attached.sessions.has(live.id))
        attached.send({ kind: 'revoked', session: id, reason: 'lost', mayReopen: true });
  }
  tellEnded(parts, id, reason);
}

/** With the hold key taken. Returns what is left to do with it still taken, which may take as long as the secret backend does. */
export async function followHeld(parts: Parts, id: string): Promise<(() => Promise<void>) | undefined> {
  const { hub, ledger, replica } = parts;
  const session = await ledger.findSession(id);
  if (session === undefined || isOver(session)) {
    await followEnd(parts, id, session);
    return undefined;
  }
  // Every holder has them, or another replica has made new ones.
  if (session.owner?.replica !== replica) parts.values.letGo(id);
  // Recorded as attached by an open that failed after that.
  if (!hub.isAttached(id)) await parts.detachments.letGoAll(id);
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
  return owed.length > 0 && session.state === 'active' ? () => supply(parts, session, owed) : undefined;
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
