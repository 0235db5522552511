import { z } from 'zod';
import type { AuditAction } from '../../audit/audit.ts';
import { auditRecordSchema, type ReadRecord } from '../../audit/record.ts';
import type { Lock, SessionEnd, Tombstone } from '../../ledger/ledger.ts';
import { tombstoneReason } from '../../ledger/locks.ts';
import { parseSelector } from '../../ledger/stored/stored-json.ts';
import { isCanaryWorkload } from '../../platform/canary-workload.ts';
import { endOf } from '../audit-facts.ts';
import { LeaseholdError } from '../../platform/error.ts';
import { isEmptySelector, type Selector } from '../../policy/selector.ts';

/** What became of one hold: it may not come back, or it may again. The last word counts. */
export type HoldWord =
  | { readonly kind: 'tombstone'; readonly tombstone: Tombstone }
  | { readonly kind: 'lift'; readonly workload: string; readonly bundle: string; readonly at: number };

/** What records say that a ledger from before them does not know. */
export interface ToldSince {
  /** Added, and not removed since. */
  readonly locks: readonly Lock[];
  readonly removedLocks: ReadonlySet<string>;
  readonly holds: readonly HoldWord[];
  /** By id: why each session ended, whether the ledger knows it or not. */
  readonly ends: ReadonlyMap<string, SessionEnd>;
  /** Workloads. */
  readonly endedRuns: ReadonlySet<string>;
}

const { shape } = auditRecordSchema;
const text = shape.reason.unwrap();
const lockAdded = z.object({ lock: text, selector: text, actor: text, reason: text });
const lockRemoved = z.object({ lock: text });
const sessionEnded = z.object({ session: text, workload: text, bundle: text, actor: text, reason: text });
const lifted = z.object({ workload: text, bundle: text });
const runEnded = z.object({ workload: text });

/**
 * In the order of the log, which is that of the changes, but for records that were owed: where two of one hold have changed places, what
 * was revoked stays revoked. Throws `audit_unavailable` for a record that does not say what has to be done.
 */
export async function toldSince(records: AsyncIterable<ReadRecord>): Promise<ToldSince> {
  const locks = new Map<string, Lock>();
  const removedLocks = new Set<string>();
  const holds = new Map<string, HoldWord>();
  const ends = new Map<string, SessionEnd>();
  const endedRuns = new Set<string>();

  type Take = (record: ReadRecord, at: number) => void;
  const takers: Partial<Readonly<Record<AuditAction, Take>>> = {
    lock_add: (record, createdAt) => {
      const { lock: id, actor: by, reason, selector } = factsOf(lockAdded, record);
      locks.set(id, { id, selector: selectorOf(record, selector), reason, by, createdAt });
    },
    lock_remove: (record) => void removedLocks.add(factsOf(lockRemoved, record).lock),
    revoke: (record, createdAt) => {
      // Who revokes by a selector has a record of the wish, and one for each session that it met.
      if (record.session === undefined) return;
      const { session, workload, bundle, actor: by, reason: said } = factsOf(sessionEnded, record);
      const end = endOf(said);
      if (end === undefined) throw unclear(record);
      const { reason } = end;
      // A later one only added a tombstone to it.
      if (!ends.has(session)) ends.set(session, { ...end, by });
      const isByPeople = reason === 'admin' || reason === 'locked';
      if (!isByPeople || isCanaryWorkload(workload)) return;
      const tombstone = { workload, bundle, reason: tombstoneReason(end), by, createdAt };
      holds.set(holdOf(workload, bundle), { kind: 'tombstone', tombstone });
    },
    tombstone_lift: (record, at) => {
      const { workload, bundle } = factsOf(lifted, record);
      holds.set(holdOf(workload, bundle), { kind: 'lift', workload, bundle, at });
    },
    run_end: (record) => void endedRuns.add(factsOf(runEnded, record).workload),
  };

  for await (const record of records)
    if (record.outcome === 'ok') takers[record.action]?.(record, Date.parse(record.happenedAt ?? record.at));
  // An id is never used again, so the order of these does not matter.
  for (const id of removedLocks) locks.delete(id);
  return { locks: [...locks.values()], removedLocks, holds: [...holds.values()], ends, endedRuns };
}

const holdOf = (workload: string, bundle: string) => JSON.stringify([workload, bundle]);

function factsOf<T>(schema: z.ZodType<T>, record: ReadRecord): T {
  const parsed = schema.safeParse(record);
  if (!parsed.success) throw unclear(record);
  return parsed.data;
}

function selectorOf(record: ReadRecord, json: string): Selector {
  let selector: Selector;
  try {
    selector = parseSelector(json);
  } catch {
    throw unclear(record);
  }
  if (isEmptySelector(selector)) throw unclear(record);
  return selector;
}

function unclear({ seq, action }: ReadRecord): LeaseholdError {
  return new LeaseholdError('audit_unavailable', {
    detail:
      `the ledger knows less than the audit log, whose record ${seq} (${action}) does not say what to do: move all files of the log ` +
      'aside as evidence, and lock again what was revoked and locked since',
  });
}
