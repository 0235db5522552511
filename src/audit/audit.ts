import type { ErrorCode } from '../platform/error.ts';

/** The closed list of what is recorded. */
export type AuditAction =
  | 'attach'
  | 'open'
  | 'issue'
  | 'deliver'
  | 'delivered'
  | 'rotate'
  | 'revoke'
  | 'settle'
  | 'wiped'
  | 'lock_add'
  | 'lock_remove'
  | 'tombstone_lift'
  | 'write_off'
  | 'explain'
  | 'admin_read'
  | 'admin_refused'
  | 'policy_reload'
  | 'run_register'
  | 'run_end'
  | 'run_report'
  | 'run_undelivered'
  | 'run_cancel'
  | 'node_key'
  | 'enrol_token'
  | 'enrol_token_withdraw'
  | 'enrol'
  | 'refused_summary'
  | 'head'
  | 'file'
  | 'missed'
  | 'probe'
  | 'restore_apply'
  | 'start'
  | 'stop';

export const auditActions = [
  'attach',
  'open',
  'issue',
  'deliver',
  'delivered',
  'rotate',
  'revoke',
  'settle',
  'wiped',
  'lock_add',
  'lock_remove',
  'tombstone_lift',
  'write_off',
  'explain',
  'admin_read',
  'admin_refused',
  'policy_reload',
  'run_register',
  'run_end',
  'run_report',
  'run_undelivered',
  'run_cancel',
  'node_key',
  'enrol_token',
  'enrol_token_withdraw',
  'enrol',
  'refused_summary',
  'head',
  'file',
  'missed',
  'probe',
  'restore_apply',
  'start',
  'stop',
] as const satisfies readonly AuditAction[];

/**
 * What happened, without position in the chain. Never holds a secret, a token, an accessor or a lease id in clear.
 * Absent facts are left out, not null.
 */
export interface AuditEvent {
  readonly action: AuditAction;
  readonly outcome: 'ok' | 'refused' | 'failed';
  /** Why it was refused or failed. */
  readonly code?: ErrorCode;
  /** SPIFFE-style id, `admin:<name>` or `broker`; absent for strangers. */
  readonly actor?: string;
  readonly workload?: string;
  readonly spiffeId?: string;
  /** `namespace/name`, for reading by people. */
  readonly pod?: string;
  readonly node?: string;
  /** Job id of a run. */
  readonly job?: string;
  /** `<job id of the array>_<task>`. */
  readonly array?: string;
  readonly user?: string;
  readonly account?: string;
  readonly partition?: string;
  /** Of the registration of a run, as it was said there. */
  readonly restarts?: number;
  readonly sluid?: string;
  readonly holder?: string;
  /** Peer address without port, for refusals of strangers. */
  readonly peer?: string;
  readonly credentialId?: string;
  readonly bundle?: string;
  readonly session?: string;
  readonly leaseSet?: string;
  readonly generation?: string;
  readonly rule?: string;
  readonly policyRevision?: string;
  /** Engine paths, token role first. */
  readonly paths?: readonly string[];
  /** Keyed hashes of accessor and lease ids, in the order of `paths`. */
  readonly hmacs?: readonly string[];
  readonly settlement?: string;
  /** In words, from a person. */
  readonly reason?: string;
  /** Id of a lock. */
  readonly lock?: string;
  /** Selector, as JSON text. */
  readonly selector?: string;
  /** Of a summary, or of matched sessions. */
  readonly count?: number;
  /** Of the call, stream or work item; the log puts in the current one. */
  readonly trace?: string;
  /** RFC 3339, milliseconds: when it happened, in a record that was owed and written later. */
  readonly happenedAt?: string;
  /** Stable name of the broker, where its life begins. */
  readonly replica?: string;
  /** Of a signed head: see `SignedHead`. The log fills in all four. */
  readonly nextSeq?: number;
  readonly nextAt?: string;
  readonly keyIds?: readonly string[];
  readonly signatures?: readonly string[];
}

/**
 * The audit log. `record` resolves when the event is durable, within the sink's bounded wait, and throws
 * `audit_unavailable` otherwise; nothing may be issued then. Order of calls is order of records.
 */
export interface Audit {
  record(event: AuditEvent): Promise<void>;
  /**
   * For what goes on without its record, such as a revocation. True when the event is durable; false when it is owed: it is then written as soon
   * as the log can be written again. Never rejects.
   */
  recordAnyway(event: AuditEvent): Promise<boolean>;
  /**
   * Refusals of callers that proved nothing: the first of a kind in a window is recorded, the rest counted into a summary. One with a `node` is
   * of a caller whose certificate proves that node, and counts against that node alone.
   */
  recordStranger(event: AuditEvent): Promise<void>;
  /** Keyed hash (16 hex characters or more) of an accessor or lease id, as it stands in records and output. */
  hmac(reference: string): string;
  /** Records that are owed now. */
  owed(): number;
  /** False when one more that cannot be written may only be counted: what is safe elsewhere then waits there. */
  hasRoom(): boolean;
  /** False when the last record could not be written: as long as nothing else is, that is what is known of the log. */
  takesRecords(): boolean;
  [Symbol.asyncDispose](): Promise<void>;
}
