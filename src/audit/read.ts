import { linesOf } from './lines.ts';
import { parseRecordText, type ReadRecord } from './record.ts';

/** Which records are wanted; every given field must match exactly. */
export interface AuditFilter {
  readonly workload?: string;
  /** `namespace/name`. */
  readonly pod?: string;
  readonly session?: string;
  readonly bundle?: string;
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

function matches(record: ReadRecord, filter: AuditFilter): boolean {
  const at = Date.parse(record.at);
  return (
    (filter.workload === undefined || filter.workload === record.workload) &&
    (filter.pod === undefined || filter.pod === record.pod) &&
    (filter.session === undefined || filter.session === record.session) &&
    (filter.bundle === undefined || filter.bundle === record.bundle) &&
    (filter.since === undefined || at >= filter.since) &&
    (filter.until === undefined || at <= filter.until)
  );
}
