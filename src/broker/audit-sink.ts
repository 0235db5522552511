import type { OpenAuditOptions } from '../audit/open-audit.ts';
import { writeToStandardOutput } from '../audit/stream-sink.ts';
import type { AuditSinkConfig } from './config-audit.ts';

/** Where the records go, as the audit log wants it. */
export function auditSink(sink: AuditSinkConfig): Pick<OpenAuditOptions, 'file' | 'rotate'> {
  return sink.kind === 'file' ? { file: sink.file, rotate: sink.rotate } : { file: writeToStandardOutput };
}
