import type { Owner, Session } from '../ledger/ledger.ts';
import type { Attached } from './hub.ts';
import type { Parts } from './parts.ts';

/** Where holders were sent, so that one that cannot get there is not sent for ever. */
export interface Redirects {
  /** True when the holder may be sent to that owner once more for the generation that it lacks. */
  take(attached: Attached, session: Session, owner: Owner): boolean;
}

/** The first may have met an owner that was about to go. */
const mostTimes = 2;
/** Forgetting one too early costs one more redirect. */
const mostKept = 10_000;

export function createRedirects(): Redirects {
  const times = new Map<string, number>();
  return {
    take: (attached, session, { replica, epoch }) => {
      const key = [session.id, attached.verified.holder, session.generation.id, replica, epoch].join('\n');
      const before = times.get(key) ?? 0;
      if (before >= mostTimes) {
        times.delete(key);
        return false;
      }
      times.set(key, before + 1);
      if (times.size > mostKept) for (const oldest of times.keys()) return times.delete(oldest);
      return true;
    },
  };
}

/**
 * Sends a holder to the replica that has the values it lacks; false when there is none, or the holder has been there in vain: then this one
 * makes new ones.
 */
export function redirect(
  parts: Pick<Parts, 'replicas' | 'redirects'>,
  attached: Attached,
  session: Session,
): boolean {
  const owner = parts.replicas.otherOwner(session);
  if (owner === undefined || owner.address === '') return false;
  if (!parts.redirects.take(attached, session, owner)) return false;
  sendTo(attached, session, owner);
  return true;
}

export function sendTo(attached: Attached, session: Session, { address, epoch }: Owner): void {
  attached.send({ kind: 'redirect', bundle: session.bundle, session: session.id, address, epoch });
}
