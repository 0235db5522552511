import type { Clock } from '../platform/clock.ts';
import { createCoalesced } from '../platform/coalesced.ts';
import { LeaseholdError } from '../platform/error.ts';
import type { Log } from '../platform/log.ts';
import { currentTrace } from '../platform/trace.ts';
import type { AuditEvent } from './audit.ts';
import type { Debt } from './debt.ts';

/** Where owed records outlive the broker; the ledger. */
export interface OwedStore {
  /** Undefined: nothing is owed any more. */
  write(debt: Debt | undefined): Promise<void>;
}

/** Records of what went on without them: written when the log can be written again, in order, each with the time at which it happened. */
export interface OwedRecords {
  /** True when the record is durable; false when it is owed. Never rejects. */
  recordAnyway(event: AuditEvent): Promise<boolean>;
  /** How many are owed now. */
  count(): number;
  /** Whether more may be owed; false some time before they are only counted, for those that nothing else keeps. */
  hasRoom(): boolean;
  /** Tries once more, and stops. */
  close(): Promise<void>;
}

/** Past this they are only counted. */
const mostKept = 10_000;
/** Past this there is no room for what the ledger keeps as well. */
const roomy = 8_000;
/** Of those, how many outlive the broker; for the rest the ledger has who revoked what, and why. */
const mostStored = 500;
const retryMs = 1_000;
const mostAtOnce = 500;

export function createOwedRecords(options: {
  /** Throws `audit_unavailable`. */
  readonly record: (event: AuditEvent) => Promise<void>;
  readonly store: OwedStore;
  readonly clock: Clock;
  readonly log: Log;
  /** Told once for each record that could not be written when it was due. */
  readonly onOwed: () => void;
}): OwedRecords {
  const { record, store, clock, log } = options;
  const owed: AuditEvent[] = [];
  let lost = 0;
  let cancel: (() => void) | undefined;
  let paying: Promise<void> | undefined;

  const stored = createCoalesced(
    async () => {
      const unstored = Math.max(0, owed.length - mostStored);
      const debt = { events: owed.slice(0, mostStored), lost: lost + unstored };
      await store.write(debt.events.length === 0 && debt.lost === 0 ? undefined : debt);
    },
    {
      failed: (error) =>
        log.error('owed audit records could not be kept in the ledger', { count: owed.length }, error),
    },
  );

  /** Many at once, so that they share writes; the log keeps them in this order. */
  const payMany = async (): Promise<void> => {
    const many = owed.slice(0, mostAtOnce);
    const outcomes = await Promise.allSettled(many.map((event) => record(event)));
    const unpaid = many.filter((_event, index) => outcomes[index]?.status === 'rejected');
    owed.splice(0, many.length, ...unpaid);
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) throw LeaseholdError.from(failed.reason);
  };

  const pay = async (): Promise<void> => {
    try {
      while (owed.length > 0) await payMany();
      if (lost > 0) await record({ action: 'missed', outcome: 'failed', actor: 'broker', count: lost });
      lost = 0;
      log.info('the audit log has what was owed to it');
    } catch (error) {
      log.warn('audit records are still owed', { count: owed.length + lost }, error);
    }
    stored.ask();
    paying = undefined;
    if (owed.length > 0 || lost > 0) later();
  };
  const payNow = (): Promise<void> => (paying ??= pay());
  const later = (): void => {
    cancel ??= clock.after(retryMs, () => {
      cancel = undefined;
      void payNow();
    });
  };

  return {
    recordAnyway: async (event) => {
      const trace = event.trace ?? currentTrace();
      const happenedAt = new Date(clock.now()).toISOString();
      // While something is owed nothing else is tried: a mass revocation must not wait for the log again and again.
      if (owed.length === 0 && lost === 0) {
        try {
          await record(event);
          return true;
        } catch (error) {
          log.error(
            'something went on without its audit record, which is owed',
            { action: event.action },
            error,
          );
        }
      }
      options.onOwed();
      if (owed.length < mostKept)
        owed.push({ ...event, ...(trace === undefined ? {} : { trace }), happenedAt });
      else lost += 1;
      stored.ask();
      later();
      return false;
    },
    count: () => owed.length + lost,
    hasRoom: () => owed.length < roomy,
    close: async () => {
      cancel?.();
      if (owed.length > 0 || lost > 0) await payNow();
      cancel?.();
      await stored.idle();
    },
  };
}
