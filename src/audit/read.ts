import { linesOf } from './lines.ts';
import { parseRecordText, type ReadRecord } from './record.ts';

/** Fields that a record is selected by; each must match exactly. */
export const filterFields = [
  'workload',
  'pod',
  'node',
  'job',
  'user',
  'account',
  'bundle',
  'session',
  'action',
  'trace',
] as const satisfies readonly (keyof ReadRecord)[];

/** Which records are wanted; every given condition must hold. */
export interface AuditFilter extends Partial<Readonly<Record<(typeof filterFields)[number], string>>> {
  /** Of the pod. */
  readonly namespace?: string;
  /** Milliseconds since the Unix epoch, inclusive. */
  readonly since?: number;
  readonly until?: number;
}

/** Streams matching records in order. Lines that are no records are passed over: `verifyAudit` is what judges. */
export async function* readAudit(options: {
  readonly files: readonly string[];
  readonly filter: AuditFilter;
}): AsyncGenerator<ReadRecord> {
  for (const file of options.files) {
    for await (const { bytes } of linesOf(file)) {
      const record = parseRecordText(bytes.toString('utf8'));
      if (record !== undefined && matches(record, options.filter)) yield record;
    }
  }
}

/** Whether a record is wanted. */
export function matches(record: ReadRecord, filter: AuditFilter): boolean {
  const at = Date.parse(record.at);
  return (
    filterFields.every((field) => filter[field] === undefined || filter[field] === record[field]) &&
    (filter.namespace === undefined || record.pod?.startsWith(`${filter.namespace}/`) === true) &&
    (filter.since === undefined || at >= filter.since) &&
    (filter.until === undefined || at <= filter.until)
  );
}
