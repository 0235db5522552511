import { z } from 'zod';
import { type ErrorCode, isErrorCode, LeaseholdError } from '../../platform/error.ts';
import { endReasons } from '../ledger.ts';

/**
 * Rows as they are stored. The store is guarded, yet a row that was edited or damaged must end in `ledger_unusable` and
 * not in a session that never was.
 */
const instant = z.int();
/** SQLite has no booleans. */
const flag = z.union([z.boolean(), z.literal([0, 1])]).transform((value) => value === true || value === 1);
const text = z.string();

/** Null for a large one, which is read by itself: see identities.ts. */
const identity = text.nullable();

export const sessionRow = z.object({
  seq: z.int(),
  id: text,
  workload: text,
  bundle: text,
  node: text,
  request_key: text,
  identity,
  state: z.enum(['opening', 'active', 'superseded', 'revoking', 'ended']),
  leased: flag,
  grant_name: text,
  policy_revision: text,
  created_at: instant,
  deadline_at: instant,
  ended_at: instant.nullable(),
  end_reason: z.enum(endReasons).nullable(),
  end_note: text.nullable(),
  end_by: text.nullable(),
  generation_id: text,
  generation_number: z.int(),
  generation_versions: text,
  owner_replica: text.nullable(),
  owner_address: text.nullable(),
  owner_epoch: z.int().nullable(),
});

export type SessionRow = z.infer<typeof sessionRow>;

export const unrecordedEndRow = z.object({
  id: text,
  session: text,
  reason: z.enum(endReasons),
  note: text,
  by: text,
  at: instant,
});

export const holderRow = z.object({
  name: text,
  attached: flag,
  replica: text.nullable(),
  generation_id: text,
  generation_number: z.int(),
  delivered_at: instant.nullable(),
  wiped_at: instant.nullable(),
});

export const leaseSetRow = z.object({
  id: text,
  session: text,
  state: z.enum(['intent', 'token', 'current', 'retiring', 'revoking', 'ended']),
  token_role: text,
  created_at: instant,
  expires_at: instant,
});

export type LeaseSetRow = z.infer<typeof leaseSetRow>;

const errorCode = z.custom<ErrorCode>((value) => typeof value === 'string' && isErrorCode(value));

export const credentialRow = z.object({
  id: text,
  lease_set: text,
  kind: z.enum(['token', 'lease']),
  path: text,
  reference: text,
  renewable: flag,
  expires_at: instant,
  settlement: z.enum(['held', 'outstanding', 'confirmed', 'vanished', 'lapsed', 'expires', 'written_off']),
  why: errorCode.nullable(),
  since: instant,
  next_try_at: instant.nullable(),
  attempts: z.int(),
  maybe_revoked: flag,
});

export const outstandingRow = z
  .object({ path: text, count: z.int(), since: instant, why: errorCode.nullable() })
  .transform(({ why, ...row }) => ({ ...row, why: why ?? undefined }));

export const workRow = z.object({
  version: z.int(),
  kind: z.enum(['settle', 'renew', 'rotate', 'revoke', 'deadline', 'detached']),
  subject: text,
  due_at: instant,
});

export const dueWorkRow = workRow.extend({ available_at: instant });

export const replicaRow = z.object({
  id: text,
  address: text,
  epoch: z.int(),
  beats: z.int(),
  answers: text
    .transform((stored, context): unknown => {
      try {
        return JSON.parse(stored);
      } catch {
        context.addIssue('not JSON');
        return z.NEVER;
      }
    })
    .pipe(z.record(text, z.int().nonnegative())),
});

export const heldRow = z.object({ session: text, generation: text });

export const tombstoneRow = z.object({
  workload: text,
  bundle: text,
  reason: text,
  by: text,
  created_at: instant,
});

export const runRow = z.object({
  seq: z.int(),
  workload: text,
  identity,
  restarts: z.int(),
  sluid: text.nullable(),
  ends_at: instant.nullable(),
  bundles: text,
  state: z.enum(['active', 'ending', 'ended']),
  registered_at: instant,
  ending_at: instant.nullable(),
  ended_at: instant.nullable(),
});

export const shownRunRow = runRow.pick({ workload: true, restarts: true, sluid: true });

/** A large identity is left out by `large`, which is the store's own condition. */
export function columnsOf(schema: typeof sessionRow | typeof runRow, table: string, large: string): string {
  const names = Object.keys(schema.shape).filter((name) => name !== 'identity');
  const columns = names.map((name) => `${table}.${name}`).join(', ');
  return `${columns}, CASE WHEN ${large} THEN NULL ELSE ${table}.identity END AS identity`;
}

export type RunRow = z.infer<typeof runRow>;

export const lockRow = z.object({ id: text, selector: text, reason: text, by: text, created_at: instant });

/** Throws `ledger_unusable` naming the column, never its value. */
export function parseRow<T>(schema: z.ZodType<T>, row: unknown, table: string): T {
  const parsed = schema.safeParse(row);
  if (parsed.success) return parsed.data;
  const column = String(parsed.error.issues[0]?.path[0] ?? 'row');
  throw new LeaseholdError('ledger_unusable', { detail: `a stored ${table} breaks its schema at ${column}` });
}
