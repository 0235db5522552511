import type { AuditEvent } from '../audit/audit.ts';
import type { Parts } from './parts.ts';

/** Of what goes on without its record, and is counted where not even the word that one is owed could be kept. */
export async function recordAnyway(parts: Pick<Parts, 'audit' | 'events'>, event: AuditEvent): Promise<void> {
  if (!(await parts.audit.recordAnyway(event))) parts.events.count('audit_missed');
}
