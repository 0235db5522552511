import { createReadStream } from 'node:fs';
import { LeaseholdError } from '../platform/error.ts';
import { canonicalJson } from './canonical-json.ts';
import { auditRecordSchema, hashLine, noHash, type ReadRecord } from './record.ts';

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
    for await (const { line, terminated } of linesOf(file)) {
      number += 1;
      last = { file, line: number };
      const fault = (rule: AuditFault['rule']): AuditVerdict => ({
        ok: false,
        records,
        fault: { file, line: number, rule },
      });
      if (!terminated) return fault('torn');
      const record = parseRecord(line);
      if (record === undefined) return fault('not_a_record');
      if (canonicalJson(record) !== line) return fault('not_canonical');
      if (chain !== undefined && record.chain !== chain) return fault('other_chain');
      if (record.seq !== records + 1) return fault('gap');
      if (record.prev !== (prev ?? noHash)) return fault('broken_link');
      chain = record.chain;
      prev = hashLine(line);
      records += 1;
      if (prev === options.expectedHead) headSeen = true;
    }
  }
  if (!headSeen) return { ok: false, records, fault: { ...last, rule: 'head_missing' } };
  return { ok: true, records, chain: chain ?? '', head: prev ?? noHash };
}

function parseRecord(line: string): ReadRecord | undefined {
  try {
    const parsed = auditRecordSchema.safeParse(JSON.parse(line));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** Lines of a file, split at `\n` and nothing else: a reader that also splits at `\r` would not see one that was added. */
export async function* linesOf(
  file: string,
): AsyncGenerator<{ readonly line: string; readonly terminated: boolean }> {
  const stream = createReadStream(file, { encoding: 'utf8' });
  let rest = '';
  try {
    for await (const chunk of stream) {
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield { line, terminated: true };
    }
  } catch (cause) {
    throw new LeaseholdError('audit_unavailable', { detail: 'an audit file cannot be read', cause });
  } finally {
    stream.destroy();
  }
  if (rest !== '') yield { line: rest, terminated: false };
}
