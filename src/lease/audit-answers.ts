import type { Audit } from '../audit/audit.ts';
import type { Replica } from '../ledger/replicas.ts';

/**
 * Whether the audit log answers this replica. A broker on which nothing happens writes nothing, so its last write vouches for its log; one
 * that failed is tried again. Where the log of another one stops answering, this one's may have stopped too and nobody has noticed: it
 * then writes a record before it vouches any further, or holders would be sent from one dead log to the next.
 */
export interface AuditAnswers {
  /** What the others have published, at each look. */
  look(others: readonly Pick<Replica, 'id' | 'beats' | 'answers'>[]): void;
  /** Rejects when it does not take records. */
  ask(): Promise<void>;
}

/** Name of the part in what replicas publish. */
export const auditPart = 'audit';

/**
 * Looks in a row without an answer here. More than of other parts: until then a log that all have lost is known by all to be lost, also where
 * nothing was written.
 */
export const auditSilentLooks = 10;

/** Beats of another one at which its count may stand still; a slow disk delays one. */
const stillLooks = 2;

interface Seen {
  readonly beats: number;
  readonly count: number;
  /** Beats since its count went on; what a replica without a beat has to say is not known. */
  readonly still: number;
}

export function createAuditAnswers(audit: Pick<Audit, 'record' | 'takesRecords'>): AuditAnswers {
  let seen = new Map<string, Seen>();
  /** Others whose logs do not answer while this one's does. */
  const vouched = new Set<string>();
  const probe = (reason: string) => audit.record({ action: 'probe', outcome: 'ok', actor: 'broker', reason });
  return {
    look: (others) => {
      const next = new Map<string, Seen>();
      for (const { id, beats, answers } of others) {
        const count = answers[auditPart];
        // Of an older version.
        if (count === undefined) continue;
        const before = seen.get(id);
        if (before?.beats === beats) next.set(id, before);
        else next.set(id, { beats, count, still: before?.count === count ? before.still + 1 : 0 });
      }
      seen = next;
    },
    ask: async () => {
      if (!audit.takesRecords()) {
        await probe('the log could not be written');
        return;
      }
      const silent = [...seen].flatMap(([id, { still }]) => (still >= stillLooks ? [id] : []));
      for (const id of vouched) if (!silent.includes(id)) vouched.delete(id);
      if (silent.every((id) => vouched.has(id))) return;
      await probe('another broker cannot write its log');
      for (const id of silent) vouched.add(id);
    },
  };
}
