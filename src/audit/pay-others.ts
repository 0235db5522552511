import type { MetaLedger } from '../ledger/meta.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { AuditEvent } from './audit.ts';
import { type Claim, claimIn, claimPrefix } from './claim-name.ts';
import {
  type DebtRow,
  debtPrefix,
  encodeDebt,
  type Life,
  namedDebtPrefix,
  parseDebt,
  parseNamedDebt,
} from './debt.ts';

/** Writes what brokers that are no more have left unwritten: the name of a pod never comes back. */
export interface PayOthers {
  stop(): Promise<void>;
}

const everyMs = 60_000;
/** A name whose claim has stood still at so many looks has no living holder. One that was only away writes its records a second time. */
const stillRounds = 5;

interface Row {
  readonly key: string;
  readonly text: string;
  readonly debt: DebtRow;
  /** Of the debtor; undefined where the row is its name's. */
  readonly life: string | undefined;
}

/**
 * Looks at once, and then on an interval. A row is marked before it is paid, so that of several brokers one pays it, and removed afterwards: a
 * payer that dies in between leaves it to the next, and some records are then there twice rather than not at all. Claims of names that
 * nobody holds any more go too.
 */
export async function payOthers(options: {
  readonly ledger: Pick<MetaLedger, 'listMeta' | 'replaceMeta'>;
  readonly self: Life;
  /** Throws `audit_unavailable`. */
  readonly record: (event: AuditEvent) => Promise<void>;
  /** Nothing of its own is owed. */
  readonly mayRecord: () => boolean;
  readonly clock: Clock;
  readonly log: Log;
}): Promise<PayOthers> {
  const { ledger, self, log } = options;
  let claims = new Map<
    string,
    { readonly text: string; readonly claim: Claim | undefined; readonly still: number }
  >();
  /** Rows with our mark that were paid, or in part, while the ledger could not be told. */
  const untold = new Map<string, { readonly from: string; readonly to: string | undefined }>();

  const lookAtClaims = async (): Promise<void> => {
    const next: typeof claims = new Map();
    for (const { key, value: text } of await ledger.listMeta(claimPrefix)) {
      const before = claims.get(key);
      next.set(key, { text, claim: claimIn(text), still: before?.text === text ? before.still + 1 : 0 });
    }
    claims = next;
  };
  /** The life that has the name, or may. */
  const holderOf = (replica: string): string | undefined => {
    const found = claims.get(`${claimPrefix}${replica}`);
    const isGone = found?.claim === undefined || found.claim.life === '' || found.still >= stillRounds;
    return isGone ? undefined : found.claim.life;
  };
  const isLiving = ({ replica, life }: Life): boolean => life === self.life || holderOf(replica) === life;

  const isPayable = ({ debt, life }: Row): boolean => {
    if (debt.payer !== undefined && debt.payer.life !== self.life && isLiving(debt.payer)) return false;
    if (life !== undefined) return !isLiving({ replica: debt.replica, life });
    // The holder of the name, where it is of the version before, writes over the row.
    return debt.replica === self.replica || holderOf(debt.replica) === undefined;
  };

  const rows = async (): Promise<readonly Row[]> => {
    const found: Row[] = [];
    for (const { key, value: text } of await ledger.listMeta(debtPrefix)) {
      const debt = parseDebt(text);
      if (debt !== undefined) found.push({ key, text, debt, life: key.slice(debtPrefix.length) });
    }
    for (const { key, value: text } of await ledger.listMeta(namedDebtPrefix)) {
      const debt = parseNamedDebt(key.slice(namedDebtPrefix.length), text);
      found.push({ key, text, debt, life: undefined });
    }
    return found;
  };

  /** What of it is unwritten still. */
  const write = async ({ replica, events, lost }: DebtRow): Promise<DebtRow> => {
    const whose = replica === self.replica ? {} : { replica };
    const missed = { action: 'missed', outcome: 'failed', actor: 'broker', count: lost } as const;
    const outcomes = await Promise.allSettled(
      [...events, ...(lost > 0 ? [missed] : [])].map((event) => options.record({ ...event, ...whose })),
    );
    const isUnpaid = (index: number): boolean => outcomes[index]?.status === 'rejected';
    return {
      replica,
      events: events.filter((_event, index) => isUnpaid(index)),
      lost: isUnpaid(events.length) ? lost : 0,
    };
  };

  /** False when the log takes no more. */
  const pay = async ({ key, text, debt }: Row): Promise<boolean> => {
    const { replica, events, lost } = debt;
    if (events.length === 0 && lost === 0) {
      await ledger.replaceMeta({ key, from: text, to: undefined });
      return true;
    }
    if (!options.mayRecord()) return false;
    const marked = encodeDebt({ replica, events, lost, payer: self });
    if (marked !== text && !(await ledger.replaceMeta({ key, from: text, to: marked }))) return true;
    const rest = await write(debt);
    const isPaid = rest.events.length === 0 && rest.lost === 0;
    const to = isPaid ? undefined : encodeDebt(rest);
    untold.set(key, { from: marked, to });
    await ledger.replaceMeta({ key, from: marked, to });
    untold.delete(key);
    log.info('the audit log has records that another broker owed', { replica, count: events.length + lost });
    return isPaid;
  };

  const round = async (): Promise<void> => {
    for (const [key, { from, to }] of untold) {
      await ledger.replaceMeta({ key, from, to });
      untold.delete(key);
    }
    // In this order: who owes something has claimed its name before.
    const owed = await rows();
    await lookAtClaims();
    for (const row of owed) if (isPayable(row) && !(await pay(row))) break;
    for (const [key, { text }] of claims)
      if (holderOf(key.slice(claimPrefix.length)) === undefined)
        await ledger.replaceMeta({ key, from: text, to: undefined });
  };

  let isStopped = false;
  let cancel: () => void = () => undefined;
  let paying: Promise<void> = Promise.resolve();
  const go = async (): Promise<void> => {
    try {
      await round();
    } catch (error) {
      log.warn('what other brokers owe to the audit log could not be looked at', {}, error);
    }
    if (isStopped) return;
    cancel = options.clock.after(everyMs, () => {
      paying = go();
    });
  };
  await go();
  return {
    stop: async () => {
      isStopped = true;
      cancel();
      await paying;
    },
  };
}
