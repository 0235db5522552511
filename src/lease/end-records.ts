import type { Session, SessionEnd } from '../ledger/ledger.ts';
import type { UnrecordedEnd } from '../ledger/unrecorded-ends.ts';
import { reasonOf, sessionFacts } from './audit-facts.ts';
import type { Parts } from './parts.ts';
import { recordAnyway } from './record-anyway.ts';

/**
 * Sees to it that no session ends without a record of who ended it: the ledger keeps the word of each end until the log has it, and what a broker
 * that is no more has left there is recorded by another. A record may so be there twice; none is missing.
 */
export interface EndRecords {
  /**
   * Of an end that was asked for. Durable when it resolves, or owed by the audit log, or, where that has no room, left in the ledger; never
   * rejects. `at`: where it is written later than it happened.
   */
  record(ended: {
    readonly id: UnrecordedEnd['id'];
    readonly session: Session;
    readonly end: SessionEnd;
    readonly at?: number;
  }): Promise<void>;
  /** An end may stand in the ledger whose record nobody here writes: the ledger's answer was lost. */
  mayBeLeft(): void;
  /**
   * Tells the ledger, for many at once, once nothing is owed: an owed record may still be lost with this broker. Then records what was left
   * there.
   */
  settle(): Promise<void>;
  /** Takes what other brokers have left, and records it. */
  recordOthers(): Promise<void>;
}

const atOnce = 500;

export function createEndRecords(
  parts: Pick<Parts, 'ledger' | 'audit' | 'events' | 'replica' | 'log'>,
): EndRecords {
  const { ledger, audit } = parts;
  const written: string[] = [];
  /** Being recorded here, so not left by anybody. */
  const underWay = new Set<string>();
  let isAnyLeft = false;
  /** Taken from others and not recorded yet: nobody else comes to them as long as this broker lives. */
  let taken: readonly UnrecordedEnd[] = [];
  let recording: Promise<void> | undefined;

  const record: EndRecords['record'] = async ({ id, session, end, at }) => {
    // The ledger has it, with who and why: past a bound the log would only count it.
    if (!audit.hasRoom()) {
      isAnyLeft = true;
      return;
    }
    underWay.add(id);
    await recordAnyway(parts, {
      action: 'revoke',
      outcome: 'ok',
      actor: end.by,
      ...sessionFacts(session),
      reason: reasonOf(end),
      ...(at === undefined ? {} : { happenedAt: new Date(at).toISOString() }),
    });
    underWay.delete(id);
    written.push(id);
  };
  const recordOther = async (other: UnrecordedEnd): Promise<void> => {
    const session = await ledger.findSession(other.session);
    if (session === undefined) written.push(other.id);
    else await record({ ...other, session });
  };

  const recordTaken = async (): Promise<void> => {
    // Until the log can be written it would only owe them, and past its bound count what it has lost; in the ledger none is lost.
    while (audit.owed() === 0) {
      const more = await ledger.takeUnrecordedEnds({ replica: parts.replica, limit: atOnce });
      taken = [...taken, ...more];
      if (taken.length === 0) return;
      parts.log.warn('ends that another broker may not have recorded are recorded again', {
        count: taken.length,
      });
      // Side by side, so that they share writes of the log; a session more is nothing to it.
      const outcomes = await Promise.allSettled(taken.map(recordOther));
      // What is recorded is so once: one session that cannot be read must not have all others written with each look.
      taken = taken.filter((_end, index) => outcomes[index]?.status === 'rejected');
      const failed = outcomes.find((outcome) => outcome.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    }
  };

  const forgetWritten = async (): Promise<void> => {
    while (written.length > 0 && audit.owed() === 0) {
      const ids = written.slice(0, atOnce);
      await ledger.removeUnrecordedEnds(ids);
      written.splice(0, ids.length);
    }
  };
  const listOwn = async (): Promise<readonly UnrecordedEnd[]> => {
    // Before it is asked: one that comes meanwhile is in no answer.
    isAnyLeft = false;
    try {
      return await ledger.listUnrecordedEnds({ replica: parts.replica, limit: atOnce });
    } catch (error) {
      isAnyLeft = true;
      throw error;
    }
  };
  const recordLeft = async (): Promise<void> => {
    while (isAnyLeft && audit.owed() === 0) {
      const found = await listOwn();
      const known = new Set([...underWay, ...written, ...taken.map(({ id }) => id)]);
      const left = found.filter(({ id }) => !known.has(id));
      // A page full of what is under way may hide others.
      if (found.length === atOnce || left.length > 0) isAnyLeft = true;
      if (left.length === 0) return;
      parts.log.info('ends that the audit log had no room for are recorded', { count: left.length });
      await Promise.all(left.map(recordOther));
      await forgetWritten();
    }
  };

  return {
    record,
    mayBeLeft: () => {
      isAnyLeft = true;
    },
    settle: async () => {
      await forgetWritten();
      await recordLeft();
    },
    // A sweep and the end of a broker come at the same time, and would each record what the other has taken.
    recordOthers: () =>
      (recording ??= recordTaken().finally(() => {
        recording = undefined;
      })),
  };
}
