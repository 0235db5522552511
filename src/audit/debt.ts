import { z } from 'zod';
import { isErrorCode } from '../platform/error.ts';
import { parseJson } from '../platform/json-text.ts';
import type { AuditEvent } from './audit.ts';
import { auditRecordSchema } from './record.ts';

/** Records that one broker owes to the audit log, as the ledger keeps them: whoever reads it can write them. */
export interface Debt {
  readonly events: readonly AuditEvent[];
  /** Of which no more is known than that they were. */
  readonly lost: number;
}

/** One life of a broker. */
export interface Life {
  /** Its name. */
  readonly replica: string;
  /** As in its claim of that name. */
  readonly life: string;
}

/** A debt in the ledger. */
export interface DebtRow extends Debt {
  readonly replica: string;
  /** Who writes it into the chain of its own. */
  readonly payer?: Life;
}

/** Each life of a broker has a row of its own, so that no other one is ever written over. */
export const debtPrefix = 'audit_owes/';
/** Of the version before, one row for each name. */
export const namedDebtPrefix = 'audit_owed/';

const life = z.strictObject({ replica: z.string(), life: z.string() });
const whose = z.looseObject({ replica: z.string(), payer: life.exactOptional() });
const debtSchema = z.object({
  events: z.array(auditRecordSchema.omit({ v: true, chain: true, seq: true, at: true, prev: true })),
  lost: z.int().min(0),
});

export function encodeDebt({ replica, events, lost, payer }: DebtRow): string {
  return JSON.stringify({ replica, events, lost, ...(payer === undefined ? {} : { payer }) });
}

/** Undefined when nobody can tell whose it is. */
export function parseDebt(text: string): DebtRow | undefined {
  const row = whose.safeParse(parseJson(text));
  if (!row.success) return undefined;
  const { replica, payer } = row.data;
  return { replica, ...debtIn(row.data), ...(payer === undefined ? {} : { payer }) };
}

export function parseNamedDebt(replica: string, text: string): DebtRow {
  const found = parseJson(text);
  const row = whose.safeParse(found);
  return row.success ? { ...row.data, ...debtIn(found) } : { replica, ...debtIn(found) };
}

function debtIn(found: unknown): Debt {
  const { success, data } = debtSchema.safeParse(found);
  // Of an older or newer broker: that there was something is worth a record, what it was stands in the ledger's sessions.
  return success ? { events: data.events.map(toEvent), lost: data.lost } : { events: [], lost: 1 };
}

/** A code of another version is left out; nothing else of an event has another type than what is read back. */
function toEvent({ code, ...rest }: z.infer<typeof debtSchema>['events'][number]): AuditEvent {
  const present = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  const known = code !== undefined && isErrorCode(code) ? { code } : {};
  return { ...present, action: rest.action, outcome: rest.outcome, ...known };
}
