import { z } from 'zod';
import type { AuditHead } from './audit-tail.ts';
import { canonicalJson } from './canonical-json.ts';
import type { ReadRecord } from './record.ts';
import type { HeadSigner, HeadVerifier } from './signing-keys.ts';

/** By when the next signed head stands in the chain; what comes later without one is not the broker's. */
export interface HeadDue {
  /** Number of the last record that may be without a head before it. */
  readonly nextSeq: number;
  /** RFC 3339: a record from then on has a head before it. */
  readonly nextAt: string;
}

/** A position in a chain, vouched for by the broker's keys. It vouches for all records before it as well. */
export interface SignedHead extends AuditHead, HeadDue {
  /** When it was signed. */
  readonly at: string;
  readonly keyIds: readonly string[];
  /** Base64, in the order of `keyIds`. */
  readonly signatures: readonly string[];
}

/** How often a chain gets a signed head, whichever comes first. */
export interface HeadPace {
  readonly everyRecords: number;
  readonly everyMs: number;
}

/** What a `head` record says besides its position. */
export function signHead(options: {
  readonly signer: HeadSigner;
  readonly pace: HeadPace;
  readonly head: AuditHead;
  readonly at: string;
}): Pick<SignedHead, 'nextSeq' | 'nextAt' | 'keyIds' | 'signatures'> {
  const { signer, pace, head, at } = options;
  // The record with the head is the one after the position that it vouches for.
  const nextSeq = head.seq + 1 + pace.everyRecords;
  const nextAt = new Date(Date.parse(at) + pace.everyMs).toISOString();
  const { keyIds } = signer;
  return { nextSeq, nextAt, keyIds, signatures: signer.sign(statementOf({ ...head, at, nextSeq, nextAt })) };
}

/** True when a record must not be written, or believed, before another head. */
export function isHeadDue(due: HeadDue, record: { readonly seq: number; readonly at: string }): boolean {
  return record.seq > due.nextSeq || Date.parse(record.at) >= Date.parse(due.nextAt);
}

/** What a record with the action `head` vouches for; undefined when it lacks a part. */
export function signedHeadOf(
  record: Pick<ReadRecord, 'chain' | 'seq' | 'prev' | 'at' | 'nextSeq' | 'nextAt' | 'keyIds' | 'signatures'>,
): SignedHead | undefined {
  const { chain, seq, prev, at, nextSeq, nextAt, keyIds, signatures } = record;
  if (nextSeq === undefined || nextAt === undefined || keyIds === undefined || signatures === undefined)
    return undefined;
  return { chain, seq: seq - 1, hash: prev, at, nextSeq, nextAt, keyIds, signatures };
}

/** `unknown`: none of its keys was given. `bad`: one that was given did not sign it. */
export function checkHead(head: SignedHead, verifier: HeadVerifier): 'good' | 'bad' | 'unknown' {
  const statement = statementOf(head);
  const given = head.keyIds.flatMap((keyId, index) => (verifier.knows(keyId) ? [{ keyId, index }] : []));
  if (given.length === 0) return 'unknown';
  const isGood = given.every(({ keyId, index }) =>
    verifier.verify(keyId, statement, head.signatures[index] ?? ''),
  );
  return isGood ? 'good' : 'bad';
}

/** Signed bytes. The first line keeps a signature from being used for anything else that the key may sign one day. */
function statementOf({
  chain,
  seq,
  hash,
  at,
  nextSeq,
  nextAt,
}: AuditHead & HeadDue & { at: string }): Buffer {
  return Buffer.from(`leasehold audit head 1\n${canonicalJson({ chain, seq, hash, at, nextSeq, nextAt })}`);
}

const instant = z.iso.datetime({ precision: 3 });

const signedHeadSchema = z.strictObject({
  v: z.literal(1),
  chain: z.string().min(1).max(64),
  seq: z.int().min(1),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  at: instant,
  nextSeq: z.int().min(1),
  nextAt: instant,
  keyIds: z.array(z.string().max(64)).min(1).max(8),
  signatures: z.array(z.string().max(128)).min(1).max(8),
});

/** One line of a file of heads, without its newline. */
export function encodeHeadLine(head: SignedHead): string {
  return canonicalJson({ v: 1, ...head });
}

/** Undefined when the line is no signed head. */
export function parseHeadLine(line: string): SignedHead | undefined {
  try {
    const parsed = signedHeadSchema.safeParse(JSON.parse(line));
    if (!parsed.success) return undefined;
    const { chain, seq, hash, at, nextSeq, nextAt, keyIds, signatures } = parsed.data;
    return { chain, seq, hash, at, nextSeq, nextAt, keyIds, signatures };
  } catch {
    return undefined;
  }
}
