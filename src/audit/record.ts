import { createHash } from 'node:crypto';
import { z } from 'zod';
import { auditActions, type AuditEvent } from './audit.ts';
import { canonicalJson } from './canonical-json.ts';

/** Stands before the first record of a chain. */
export const noHash = '0'.repeat(64);

/** Position of a record, and the event itself in the same object. */
export interface AuditRecord extends AuditEvent {
  /** Version of the format. */
  readonly v: 1;
  /** Random id of the chain, the same in all its records. */
  readonly chain: string;
  /** Counts up from 1 without a gap. */
  readonly seq: number;
  /** RFC 3339, milliseconds, UTC; the broker's wall clock. */
  readonly at: string;
  /** SHA-256, hex, of the bytes of the line before, without its newline. */
  readonly prev: string;
}

const text = z.string().max(4096);

/** Strict: a key that nobody writes is a sign of an edit. */
export const auditRecordSchema = z.strictObject({
  v: z.literal(1),
  chain: z.string().min(1).max(64),
  seq: z.int().min(1),
  at: z.iso.datetime({ precision: 3 }),
  prev: z.string().regex(/^[0-9a-f]{64}$/),
  action: z.enum(auditActions),
  outcome: z.enum(['ok', 'refused', 'failed']),
  code: text.optional(),
  actor: text.optional(),
  workload: text.optional(),
  spiffeId: text.optional(),
  pod: text.optional(),
  node: text.optional(),
  holder: text.optional(),
  peer: text.optional(),
  credentialId: text.optional(),
  bundle: text.optional(),
  session: text.optional(),
  leaseSet: text.optional(),
  generation: text.optional(),
  rule: text.optional(),
  policyRevision: text.optional(),
  paths: z.array(text).optional(),
  hmacs: z.array(text).optional(),
  settlement: text.optional(),
  reason: text.optional(),
  selector: text.optional(),
  count: z.int().optional(),
});

/** A record as it was read back; `code` is whatever an older or newer broker wrote there. */
export type ReadRecord = z.infer<typeof auditRecordSchema>;

export function encodeRecord(
  position: Pick<AuditRecord, 'chain' | 'seq' | 'at' | 'prev'>,
  event: AuditEvent,
): string {
  return canonicalJson({ v: 1, ...position, ...event });
}

export function hashLine(line: string | Uint8Array): string {
  return createHash('sha256').update(line).digest('hex');
}
