import { detachedDueAt } from './detached.ts';
import type { Attached } from './hub.ts';
import type { Parts } from './parts.ts';
import { holdKey } from './serial.ts';

/** Records in the ledger which sessions a stream has let go. */
export interface Detachments {
  /** For a stream that the hub no longer knows as theirs. Never rejects: what cannot be recorded now is kept for `retry`. */
  letGo(attached: Attached, sessions: readonly string[]): Promise<void>;
  /** Whoever the ledger has as attached here and is not. With the session's hold key taken; what cannot be recorded now is kept likewise. */
  letGoAll(session: string): Promise<void>;
  /** Tries again what failed; to be called now and then. */
  retry(): Promise<void>;
}

/** At most one entry for each holder of a session: what is recorded is only that it is not there. */
export function createDetachments(
  parts: Pick<Parts, 'ledger' | 'replica' | 'serial' | 'hub' | 'policy' | 'backend' | 'events' | 'log'>,
): Detachments {
  const { ledger, hub } = parts;
  const failed = new Map<string, { readonly holder: string; readonly session: string }>();

  const kept = async (holder: string, session: string, task: () => Promise<void>): Promise<void> => {
    const key = `${session}\n${holder}`;
    try {
      await task();
      failed.delete(key);
    } catch (error) {
      failed.set(key, { holder, session });
      parts.log.error('a detached holder could not be recorded and is tried again', { session }, error);
    }
  };

  const letGoOne = (holder: string, session: string): Promise<void> =>
    kept(holder, session, async () => {
      const found = await ledger.findSession(session);
      // In its turn: the same holder may be opening the session through a newer stream, and then it is not let go.
      if (found !== undefined) await parts.serial.run(holdKey(found), () => record(holder, session));
    });

  const record = async (holder: string, id: string): Promise<void> => {
    const session = await ledger.findSession(id);
    if (session === undefined || session.state === 'ended') return;
    if (hub.find(session.workload, holder)?.sessions.has(id) === true) return;
    const at = parts.backend.now();
    const dueAt = Math.round(detachedDueAt(session, parts.policy.bundle(session.bundle), at));
    await ledger.detachHolder({ session: id, holder, replica: parts.replica, dueAt, at });
    parts.events.changed(id);
  };

  return {
    letGo: async ({ verified }, sessions) => {
      await Promise.all(sessions.map((session) => letGoOne(verified.holder, session)));
    },
    letGoAll: async (id) => {
      for (const { name, attached, replica } of (await ledger.listHolders([id])).get(id) ?? [])
        if (attached && replica === parts.replica) await kept(name, id, () => record(name, id));
    },
    retry: async () => {
      for (const { holder, session } of [...failed.values()]) await letGoOne(holder, session);
    },
  };
}
