/**
 * Every metric of the broker: its name, what it says, its unit and its labels. `docs/metrics.md` lists the same, and a test
 * compares them. Label values come from closed sets (error codes, states, names out of the configuration), never from a
 * request: otherwise anybody could grow the memory of the broker and of whoever scrapes it, or write into a metric.
 */
interface Definition {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
}

export const counters = {
  streams: {
    name: 'leasehold_streams_total',
    help: 'Holder streams that ended, by how',
    labels: ['code'],
  },
  calls: {
    name: 'leasehold_rpc_calls_total',
    help: 'Finished calls of every service, by method and outcome code',
    labels: ['method', 'code'],
  },
  connectionsRefused: {
    name: 'leasehold_connections_refused_total',
    help: 'Connections closed before the TLS handshake because of a limit',
    labels: ['listener', 'limit'],
  },
  handshakesFailed: {
    name: 'leasehold_tls_handshakes_failed_total',
    help: 'TLS handshakes that did not complete',
    labels: ['listener', 'reason'],
  },
  holdersCut: {
    name: 'leasehold_connections_cut_total',
    help: 'Connections cut because the holder did not read',
    labels: ['listener'],
  },
  certificateReloads: {
    name: 'leasehold_certificate_reloads_total',
    help: 'Changed certificate files, by result',
    labels: ['listener', 'result'],
  },
  opens: {
    name: 'leasehold_opens_total',
    help: 'Requests for a bundle, by outcome code',
    labels: ['code'],
  },
  leaseEvents: {
    name: 'leasehold_lease_events_total',
    help: 'What the session engine did: opened, resumed, issued, delivered, renewed, rotated, revoked and their failures',
    labels: ['event'],
  },
  backendCalls: {
    name: 'leasehold_backend_calls_total',
    help: 'Calls of the secret backend, by kind and outcome code',
    labels: ['call', 'code'],
  },
  keyFetches: {
    name: 'leasehold_key_fetches_total',
    help: 'Fetches of a cluster key set, by outcome code',
    labels: ['cluster', 'code'],
  },
  podLookups: {
    name: 'leasehold_pod_lookups_total',
    help: 'Single pods asked for at an API server, by outcome code',
    labels: ['cluster', 'code'],
  },
  verifications: {
    name: 'leasehold_credential_verifications_total',
    help: 'Credentials looked at, by outcome code',
    labels: ['code'],
  },
  auditFailures: {
    name: 'leasehold_audit_failures_total',
    help: 'Audit records that could not be written',
    labels: [],
  },
  auditHeadsLost: {
    name: 'leasehold_audit_heads_lost_total',
    help: 'Signed heads of the audit chain that could not be put into the file of heads',
    labels: [],
  },
  policyReloads: {
    name: 'leasehold_policy_reloads_total',
    help: 'Changed policy files, by result',
    labels: ['result'],
  },
} as const satisfies Readonly<Record<string, Definition>>;

/** Durations, in seconds. */
export const histograms = {
  callSeconds: {
    name: 'leasehold_rpc_call_seconds',
    help: 'Time that unary calls took',
    labels: ['method'],
  },
  openSeconds: {
    name: 'leasehold_open_seconds',
    help: 'Time from a request for a bundle to the answer',
    labels: [],
  },
  backendSeconds: {
    name: 'leasehold_backend_call_seconds',
    help: 'Time that calls of the secret backend took',
    labels: ['call'],
  },
  admissionWaitSeconds: {
    name: 'leasehold_admission_wait_seconds',
    help: 'Time spent in the queue in front of the secret backend',
    labels: [],
  },
  auditSeconds: {
    name: 'leasehold_audit_write_seconds',
    help: 'Time until an audit record was durable',
    labels: [],
  },
  ledgerSeconds: {
    name: 'leasehold_ledger_commit_seconds',
    help: 'Time that ledger transactions took',
    labels: [],
  },
  verificationSeconds: {
    name: 'leasehold_credential_verification_seconds',
    help: 'Time that it took to verify a credential, the wait for a turn included',
    labels: [],
  },
} as const satisfies Readonly<Record<string, Definition>>;

/** Read when somebody scrapes. */
export const gauges = {
  cutOff: {
    name: 'leasehold_cut_off',
    help: '1 while this broker does not reach a part that others reach, and sends its holders to them; 0 otherwise',
    labels: ['from'],
  },
  auditOwed: {
    name: 'leasehold_audit_records_owed',
    help: 'Audit records of what went on without them, not written yet',
    labels: [],
  },
  sessions: { name: 'leasehold_sessions', help: 'Sessions in the ledger, by state', labels: ['state'] },
  credentials: {
    name: 'leasehold_credentials',
    help: 'Backend credentials in the ledger, by settlement',
    labels: ['settlement'],
  },
  oldestOutstandingSeconds: {
    name: 'leasehold_oldest_outstanding_seconds',
    help: 'Age of the oldest credential that must go and has not been confirmed gone; 0 when there is none',
    labels: [],
  },
  outstandingCredentials: {
    name: 'leasehold_outstanding_credentials',
    help: 'Credentials that must go and have not been confirmed gone, by engine path or token role',
    labels: ['path'],
  },
  outstandingPathSeconds: {
    name: 'leasehold_outstanding_path_seconds',
    help: 'Age of the oldest credential of a path that must go and has not been confirmed gone',
    labels: ['path'],
  },
  canaryOutcome: {
    name: 'leasehold_canary_outcome',
    help: '1 for what the last canary of a path that said something came to, 0 for the other outcomes',
    labels: ['path', 'outcome'],
  },
  canaryPassed: {
    name: 'leasehold_canary_last_success_timestamp_seconds',
    help: 'When the last canary of a path that passed had been seen gone, since the Unix epoch',
    labels: ['path'],
  },
  workItems: { name: 'leasehold_work_items', help: 'Work items in the ledger', labels: [] },
  connections: { name: 'leasehold_connections', help: 'Open connections', labels: ['listener'] },
  holders: { name: 'leasehold_holders', help: 'Holder streams that are open now', labels: [] },
  certificateExpirySeconds: {
    name: 'leasehold_certificate_expiry_seconds',
    help: 'Seconds until the certificate in use expires',
    labels: ['listener'],
  },
  admissionRunning: {
    name: 'leasehold_admission_running',
    help: 'Tasks that use the secret backend now',
    labels: [],
  },
  admissionWaiting: {
    name: 'leasehold_admission_waiting',
    help: 'Tasks that wait in the queue in front of the secret backend',
    labels: [],
  },
  verificationWaiting: {
    name: 'leasehold_credential_verification_waiting',
    help: 'Credentials that wait to be verified',
    labels: ['listener'],
  },
  watchAgeSeconds: {
    name: 'leasehold_watch_age_seconds',
    help: 'Age of the knowledge about the pods of a cluster',
    labels: ['cluster'],
  },
  memoryBytes: { name: 'leasehold_memory_bytes', help: 'Memory of the process, by kind', labels: ['kind'] },
} as const satisfies Readonly<Record<string, Definition>>;

export type CounterName = keyof typeof counters;
export type HistogramName = keyof typeof histograms;
export type GaugeName = keyof typeof gauges;

/** An object with exactly the labels of the metric. */
export type Labels<D extends { readonly labels: readonly string[] }> = Readonly<
  Record<D['labels'][number], string>
>;

export const allMetrics: readonly Definition[] = [
  ...Object.values(counters),
  ...Object.values(histograms),
  ...Object.values(gauges),
];
