import type { Session } from '../ledger/ledger.ts';
import { endSession } from './end-session.ts';
import type { Parts } from './parts.ts';

/**
 * After a holder's word that the current generation is in place: what it replaced may go, once every attached holder has said so. The
 * values may be let go once all holders have, attached or not.
 */
export async function acknowledged(parts: Parts, session: Session): Promise<void> {
  const current = session.generation.id;
  const has = (name: string) =>
    session.holders.some((holder) => holder.name === name && holder.generation.id === current);
  if (session.holders.every(({ name }) => has(name))) parts.values.delivered(session.id, current);
  const here = parts.hub.attachedTo(session.id).map(({ verified }) => verified.holder);
  const attached = session.holders.filter((holder) => holder.attached).map(({ name }) => name);
  if (![...here, ...attached].every(has)) return;
  await revokeRetiring(parts, session);
  // A word about the old one says nothing about its successor.
  if (session.state === 'active') await endSuperseded(parts, session);
}

async function revokeRetiring(parts: Parts, session: Session): Promise<void> {
  const retiring = session.leaseSets.filter(({ state }) => state === 'retiring');
  if (retiring.length === 0) return;
  const dueAt = parts.backend.now();
  await parts.ledger.putWork(retiring.map(({ id }) => ({ kind: 'revoke', subject: id, dueAt })));
  parts.wake();
}

async function endSuperseded(parts: Parts, { workload, bundle }: Session): Promise<void> {
  const superseded = await parts.ledger.listSessions({ workload, states: ['superseded'], limit: 100 });
  for (const old of superseded) {
    if (old.bundle === bundle)
      await endSession(parts, { session: old.id, reason: 'superseded', tombstone: false });
  }
}
