import type { KnownHeads } from './known-heads.ts';
import { linesOf } from './lines.ts';
import { hashLine, noHash, parseRecordLine, parseRecordText, type ReadRecord } from './record.ts';
import { checkHead, type HeadDue, isHeadDue, signedHeadOf } from './signed-head.ts';
import type { HeadVerifier } from './signing-keys.ts';

export type FaultRule =
  | 'not_a_record'
  | 'not_canonical'
  | 'other_chain'
  | 'gap'
  | 'out_of_order'
  | 'broken_link'
  | 'torn'
  | 'bad_signature'
  | 'unsigned'
  | 'replaced'
  | 'truncated'
  | 'head_missing';

/** What was found wrong first; nothing after it can be trusted. */
export interface AuditFault {
  readonly file: string;
  /** Where it shows; from 1. */
  readonly line: number;
  readonly rule: FaultRule;
  /** The records that are missing or cannot be trusted, as closely as can be told: numbers of the first and the last. */
  readonly seq: number;
  readonly to: number;
}

/** What could not be checked, and why. */
export interface Unchecked {
  readonly what:
    | 'beginning'
    | 'end'
    | 'signatures'
    | 'other_keys'
    | 'unsigned_end'
    | 'other_chains'
    | 'unknown_heads'
    | 'unreadable_heads';
  /** Of records or heads, by what it is about. */
  readonly count: number;
  /** True when it was asked for by what was given: the verdict is then not whole. */
  readonly isAsked: boolean;
}

interface Found {
  /** Good ones, from the first line on. */
  readonly records: number;
  readonly unchecked: readonly Unchecked[];
  /** Number of the last record that a good signature or a known head vouches for; 0 for none. */
  readonly vouchedSeq: number;
}

export type AuditVerdict =
  | (Found & {
      readonly ok: true;
      readonly chain: string;
      readonly firstSeq: number;
      readonly lastSeq: number;
      /** Hash of the last record: keep it elsewhere, and a later verification can tell whether the tail was cut. */
      readonly head: string;
    })
  | (Found & { readonly ok: false; readonly fault: AuditFault });

export interface VerifyOptions {
  /** One chain through all of them, oldest first. */
  readonly files: readonly string[];
  /** Some record must have this hash: a chain that was cut before it or rewritten has none. */
  readonly expectedHead?: string;
  /** The files begin with this record or an earlier one. Default: where they begin is not judged. */
  readonly from?: number;
  /** Every signed head must be by one of its keys, and none may be overdue. */
  readonly keys?: HeadVerifier;
  readonly heads?: { readonly file: string; readonly known: KnownHeads };
}

/** Reads the files in order, in constant memory. Throws `audit_unavailable` when a file cannot be read. */
export async function verifyAudit(options: VerifyOptions): Promise<AuditVerdict> {
  const { heads } = options;
  const check = createCheck(options);
  let last: Place = { file: options.files[0] ?? '', line: 0 };
  const fail = (problem: Problem): AuditVerdict => ({
    ok: false,
    ...check.found(),
    fault: { ...last, ...problem },
  });
  if (heads?.known.forgedLine !== undefined)
    return {
      ok: false,
      ...check.found(),
      fault: { file: heads.file, line: heads.known.forgedLine, rule: 'bad_signature', seq: 0, to: 0 },
    };
  for (const file of options.files) {
    let line = 0;
    for await (const { bytes, isComplete } of linesOf(file)) {
      line += 1;
      last = { file, line };
      const problem = check.line(bytes, isComplete, last);
      if (problem !== undefined) return fail(problem);
    }
  }
  const problem = check.end();
  if (problem !== undefined) return fail(problem);
  return { ok: true, ...check.found(), ...check.position() };
}

interface Place {
  readonly file: string;
  readonly line: number;
}

/** Without a place it shows in the line that was read last. */
type Problem = Pick<AuditFault, 'rule' | 'seq' | 'to'> & Partial<Place>;

function createCheck({ expectedHead, keys, heads, from = Infinity }: VerifyOptions) {
  let records = 0;
  let first: { readonly chain: string; readonly seq: number } | undefined;
  let seq = 0;
  let prev = noHash;
  let headSeen = expectedHead === undefined;
  let vouchedSeq = 0;
  let due: HeadDue | undefined;
  /** Where the first record stands that should have had a signed head before it. */
  let overdueAt: Place | undefined;
  /** The last record with a good signature. */
  let signedSeq = 0;
  let unknownHeads = 0;
  let uncheckedHeads = 0;
  let known: ReturnType<KnownHeads['ofChain']> = new Map();
  let newestKnown = 0;

  const vouch = (by: number): void => {
    vouchedSeq = Math.max(vouchedSeq, by);
  };

  /** Place and link of a record. */
  const follow = (record: ReadRecord): Problem | undefined => {
    if (first === undefined) {
      if (record.seq > from) return { rule: 'gap', seq: from, to: record.seq - 1 };
      first = { chain: record.chain, seq: record.seq };
      seq = record.seq - 1;
      // What stands before the first file is not here to be compared with; the signed heads after it vouch for it.
      prev = record.seq === 1 ? noHash : record.prev;
      known = heads?.known.ofChain(record.chain) ?? known;
      newestKnown = Math.max(0, ...known.keys());
    }
    const expected = seq + 1;
    if (record.chain !== first.chain) return { rule: 'other_chain', seq: expected, to: expected };
    if (record.seq > expected) return { rule: 'gap', seq: expected, to: record.seq - 1 };
    if (record.seq < expected) return { rule: 'out_of_order', seq: record.seq, to: record.seq };
    if (record.prev !== prev) return { rule: 'broken_link', seq, to: seq };
    return undefined;
  };

  /** A head in the chain. Its own record is not vouched for by it, but by the next one. */
  const lookAtHead = (record: ReadRecord): Problem | undefined => {
    const head = signedHeadOf(record);
    if (head === undefined) return { rule: 'not_a_record', seq: record.seq, to: record.seq };
    if (keys === undefined) {
      uncheckedHeads += 1;
      return undefined;
    }
    const checked = checkHead(head, keys);
    if (checked === 'bad') return { rule: 'bad_signature', seq: vouchedSeq + 1, to: record.seq };
    if (checked === 'unknown') unknownHeads += 1;
    else {
      vouch(head.seq);
      due = head;
      signedSeq = record.seq;
      // What comes before a good head is good, whatever was missing in between.
      overdueAt = undefined;
    }
    return undefined;
  };

  const lookAtOther = (record: ReadRecord, place: Place): void => {
    if (due !== undefined && isHeadDue(due, record)) overdueAt ??= place;
  };

  return {
    line: (bytes: Buffer, isComplete: boolean, place: Place): Problem | undefined => {
      const expected = seq + 1;
      if (!isComplete) return { rule: 'torn', seq: expected, to: expected };
      const record = parseRecordLine(bytes);
      if (record === undefined) {
        const isOtherwiseSpelled = parseRecordText(bytes.toString('utf8')) !== undefined;
        return { rule: isOtherwiseSpelled ? 'not_canonical' : 'not_a_record', seq: expected, to: expected };
      }
      let broken = follow(record);
      if (record.action !== 'head') lookAtOther(record, place);
      else broken ??= lookAtHead(record);
      if (broken !== undefined) return broken;
      seq = record.seq;
      prev = hashLine(bytes);
      const kept = known.get(seq);
      if (kept !== undefined && kept.hash !== prev) return { rule: 'replaced', seq: vouchedSeq + 1, to: seq };
      if (kept !== undefined) vouch(seq);
      if (prev === expectedHead) {
        headSeen = true;
        vouch(seq);
      }
      records += 1;
      return undefined;
    },

    end: (): Problem | undefined => {
      if (newestKnown > seq) return { rule: 'truncated', seq: seq + 1, to: newestKnown };
      if (!headSeen) return { rule: 'head_missing', seq: vouchedSeq + 1, to: seq };
      // The log of another chain in its place has none of the heads that were kept.
      if (heads !== undefined && known.size === 0 && heads.known.chains.length > 0)
        return { rule: 'head_missing', seq: vouchedSeq + 1, to: seq };
      if (keys === undefined) return undefined;
      if (due === undefined) return { rule: 'unsigned', seq: first?.seq ?? 1, to: Math.max(seq, 1) };
      return overdueAt === undefined
        ? undefined
        : { ...overdueAt, rule: 'unsigned', seq: signedSeq + 1, to: seq };
    },

    found: (): Found => {
      const begins = first?.seq ?? 1;
      const isEndKnown = expectedHead !== undefined || newestKnown > 0;
      const missing = from < Infinity ? 0 : begins - 1;
      const others =
        heads === undefined ? 0 : heads.known.chains.filter((one) => one !== first?.chain).length;
      const notes: readonly (readonly [Unchecked['what'], number, boolean])[] = [
        ['beginning', missing, true],
        ['end', isEndKnown ? 0 : 1, false],
        ['signatures', uncheckedHeads, false],
        ['other_keys', unknownHeads, false],
        ['unsigned_end', keys === undefined ? 0 : seq - Math.max(signedSeq, vouchedSeq), false],
        ['other_chains', others, false],
        ['unknown_heads', heads?.known.unknownKey ?? 0, true],
        ['unreadable_heads', heads?.known.unreadable ?? 0, true],
      ];
      return {
        records,
        vouchedSeq,
        unchecked: notes
          .filter(([, count]) => count > 0)
          .map(([what, count, isAsked]) => ({ what, count, isAsked })),
      };
    },

    position: () => ({
      chain: first?.chain ?? '',
      firstSeq: first?.seq ?? 0,
      lastSeq: seq,
      head: prev,
    }),
  };
}
