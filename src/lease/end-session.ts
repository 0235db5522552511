import type { EndReason, Session } from '../ledger/ledger.ts';
import type { Parts } from './parts.ts';
import type { RevokedReason } from './sessions.ts';

/**
 * Step 8, first part, whoever asked for it: the ledger refuses renewals from now on, the holders are told to wipe, and work
 * items carry the rest. A missing audit record does not stop a revocation; the ledger holds that it is missing, and it is counted.
 */
export async function endSession(
  parts: Parts,
  options: {
    readonly session: string;
    readonly reason: EndReason;
    readonly note?: string;
    readonly by?: string;
    /** What was revoked by a person or a lock does not come back by itself. */
    readonly tombstone: boolean;
  },
): Promise<Session> {
  const { session: id, reason, note = '', by = 'broker' } = options;
  const asked = { reason, note, by };
  const unrecorded = { id: parts.randomId('end_'), replica: parts.replica };
  const session = await parts.ledger
    .beginRevoke({
      session: id,
      end: asked,
      tombstone: options.tombstone,
      unrecorded,
      at: parts.backend.now(),
    })
    .catch((error: unknown) => {
      // It may have taken it all the same, and nobody need ask again.
      parts.endRecords.mayBeLeft();
      throw error;
    });
  await parts.reach('revoke.begun', id);
  tellEnded(parts, id, reason);
  const { end } = session;
  // It was ending already, for the reason on record; only a tombstone adds something to that.
  if (!options.tombstone && (end?.reason !== reason || end.note !== note || end.by !== by)) return session;
  parts.events.count('revoked');
  await parts.endRecords.record({ id: unrecorded.id, session, end: asked });
  await parts.reach('revoke.told', id);
  return session;
}

/** What a session's end means here, whichever replica has decided it. */
export function tellEnded(parts: Parts, session: string, reason: EndReason): void {
  parts.values.forget(session);
  tellRevoked(parts, session, reason);
  parts.wake();
  parts.events.changed(session);
}

function tellRevoked(parts: Parts, session: string, reason: EndReason): void {
  const told = toldReason(reason);
  for (const attached of parts.hub.part(session)) {
    if (told !== undefined) attached.send({ kind: 'revoked', session, ...told });
  }
}

function toldReason(
  reason: EndReason,
): { readonly reason: RevokedReason; readonly mayReopen: boolean } | undefined {
  switch (reason) {
    case 'admin':
    case 'locked':
    case 'workload_ended':
    case 'not_granted':
    case 'released':
      return { reason, mayReopen: false };
    case 'deadline':
      return { reason, mayReopen: true };
    case 'detached':
    case 'lost':
    case 'issue_failed':
      return { reason: 'lost', mayReopen: true };
    case 'superseded':
      // Its holders hold the successor.
      return undefined;
  }
}
