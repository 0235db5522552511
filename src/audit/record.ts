import { createHash } from 'node:crypto';
import { z } from 'zod';
import { auditActions, type AuditEvent } from './audit.ts';
import { canonicalJson, type CanonicalValue } from './canonical-json.ts';

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

/** UTF-16 code units of one fact, and items of one list; longer ones are cut when they are written. */
export const longestText = 2048;
export const longestList = 256;
/** Bytes of one line; a record that would be longer is refused. */
export const longestLine = 256 * 1024;

const text = z.string().max(longestText);

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
  job: text.optional(),
  array: text.optional(),
  user: text.optional(),
  account: text.optional(),
  partition: text.optional(),
  restarts: z.int().optional(),
  sluid: text.optional(),
  holder: text.optional(),
  peer: text.optional(),
  credentialId: text.optional(),
  bundle: text.optional(),
  session: text.optional(),
  leaseSet: text.optional(),
  generation: text.optional(),
  rule: text.optional(),
  policyRevision: text.optional(),
  paths: z.array(text).max(longestList).optional(),
  hmacs: z.array(text).max(longestList).optional(),
  settlement: text.optional(),
  reason: text.optional(),
  lock: text.optional(),
  selector: text.optional(),
  count: z.int().optional(),
  trace: text.optional(),
  happenedAt: z.iso.datetime({ precision: 3 }).optional(),
  replica: text.optional(),
  nextSeq: z.int().optional(),
  nextAt: z.iso.datetime({ precision: 3 }).optional(),
  keyIds: z.array(text).max(longestList).optional(),
  signatures: z.array(text).max(longestList).optional(),
});

/** A record as it was read back; `code` is whatever an older or newer broker wrote there. */
export type ReadRecord = z.infer<typeof auditRecordSchema>;

/** The canonical line, without its newline. Throws TypeError for a number that is no safe integer. */
export function encodeRecord(
  position: Pick<AuditRecord, 'chain' | 'seq' | 'at' | 'prev'>,
  event: AuditEvent,
): string {
  return canonicalJson({ ...bounded(event), v: 1, ...position });
}

/** Some facts come from outside; none of them may make a line that no reader accepts. */
function bounded(event: AuditEvent): Readonly<Record<string, CanonicalValue | undefined>> {
  const facts: Record<string, CanonicalValue | undefined> = {};
  for (const [key, value] of Object.entries<CanonicalValue | undefined>({ ...event }))
    facts[key] = boundedValue(value);
  return facts;
}

function boundedValue(value: CanonicalValue | undefined): CanonicalValue | undefined {
  if (typeof value === 'string') return cut(value);
  if (isTextList(value)) return value.slice(0, longestList).map(cut);
  return value;
}

function isTextList(value: CanonicalValue | undefined): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function cut(value: string): string {
  return value.length <= longestText ? value : `${value.slice(0, longestText - 1)}…`;
}

/** The record that a line stands for; undefined when it is none, or not written the one way a broker writes it. */
export function parseRecordLine(line: Uint8Array): ReadRecord | undefined {
  const record = parseRecordText(Buffer.from(line).toString('utf8'));
  // Compared as bytes: the decoder puts the same character for every broken sequence.
  if (record === undefined || !Buffer.from(canonicalJson(record)).equals(line)) return undefined;
  return record;
}

/** The record in a text, in whatever spelling; undefined when there is none. */
export function parseRecordText(line: string): ReadRecord | undefined {
  try {
    const parsed = auditRecordSchema.safeParse(JSON.parse(line));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** SHA-256, hex. */
export function hashLine(line: string | Uint8Array): string {
  return createHash('sha256').update(line).digest('hex');
}
