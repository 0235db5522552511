import type { Delivered, Session } from '../ledger/ledger.ts';
import { endSession } from './end-session.ts';
import type { Attached } from './hub.ts';
import type { Parts } from './parts.ts';

/**
 * After a holder's word that the current generation is in place: what it replaced may go, once every attached holder has said so. The
 * values may be let go once all holders have, attached or not.
 */
export async function acknowledged(parts: Parts, { session, lacking, supersedes }: Delivered): Promise<void> {
  if (!lacking.any) parts.values.delivered(session.id, session.generation.id);
  if (lacking.attached) return;
  const retiring = session.leaseSets.filter(({ state }) => state === 'retiring');
  // A word about the old one says nothing about its successor.
  const superseded =
    supersedes && session.state === 'active'
      ? await parts.ledger.listSessions({ key: session, states: ['superseded'], limit: 100 })
      : [];
  if (retiring.length === 0 && superseded.length === 0) return;
  // Attached here and not there: taken for dead meanwhile.
  if (lacking.any && (await someLacks(parts, session, parts.hub.attachedTo(session.id)))) return;
  if (retiring.length > 0) {
    const dueAt = parts.backend.now();
    await parts.ledger.putWork(retiring.map(({ id }) => ({ kind: 'revoke', subject: id, dueAt })));
    parts.wake();
  }
  for (const { id } of superseded)
    await endSession(parts, { session: id, reason: 'superseded', tombstone: false });
}

/** Whether one of these holders has not said that it has the current generation. */
export async function someLacks(
  parts: Pick<Parts, 'ledger'>,
  { id, generation }: Session,
  attached: readonly Attached[],
): Promise<boolean> {
  const names = new Set(attached.map(({ verified }) => verified.holder));
  const holders = (await parts.ledger.listHolders([id])).get(id) ?? [];
  return holders.some((holder) => names.has(holder.name) && holder.generation.id !== generation.id);
}
