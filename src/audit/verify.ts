import { linesOf } from './lines.ts';
import { hashLine, noHash, parseRecordLine, parseRecordText } from './record.ts';

/** What was found wrong first; nothing after it can be trusted. */
export interface AuditFault {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly rule:
    'not_a_record' | 'not_canonical' | 'other_chain' | 'gap' | 'broken_link' | 'torn' | 'head_missing';
}

export type AuditVerdict =
  | {
      readonly ok: true;
      readonly records: number;
      readonly chain: string;
      /** Hash of the last record: keep it elsewhere, and a later verification can tell whether the tail was cut. */
      readonly head: string;
    }
  | { readonly ok: false; readonly records: number; readonly fault: AuditFault };

/**
 * Reads the files in order, one chain through all of them, in constant memory. With `expectedHead`, some record must have that hash:
 * a chain that was cut before it or rewritten has none. Throws `audit_unavailable` when a file cannot be read.
 */
export async function verifyAudit(options: {
  readonly files: readonly string[];
  readonly expectedHead?: string;
}): Promise<AuditVerdict> {
  let records = 0;
  let chain: string | undefined;
  let prev: string | undefined;
  let headSeen = options.expectedHead === undefined;
  let last: { file: string; line: number } = { file: options.files[0] ?? '', line: 0 };
  for (const file of options.files) {
    let number = 0;
    for await (const { bytes, isComplete } of linesOf(file)) {
      number += 1;
      last = { file, line: number };
      const fault = (rule: AuditFault['rule']): AuditVerdict => ({
        ok: false,
        records,
        fault: { file, line: number, rule },
      });
      if (!isComplete) return fault('torn');
      const record = parseRecordLine(bytes);
      if (record === undefined) {
        const isOtherwiseSpelled = parseRecordText(bytes.toString('utf8')) !== undefined;
        return fault(isOtherwiseSpelled ? 'not_canonical' : 'not_a_record');
      }
      if (chain !== undefined && record.chain !== chain) return fault('other_chain');
      if (record.seq !== records + 1) return fault('gap');
      if (record.prev !== (prev ?? noHash)) return fault('broken_link');
      chain = record.chain;
      prev = hashLine(bytes);
      records += 1;
      if (prev === options.expectedHead) headSeen = true;
    }
  }
  if (!headSeen) return { ok: false, records, fault: { ...last, rule: 'head_missing' } };
  return { ok: true, records, chain: chain ?? '', head: prev ?? noHash };
}
