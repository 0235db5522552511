import type { Admission } from '../backend/admission.ts';
import type { Audit } from '../audit/audit.ts';
import type { Backend } from '../backend/backend.ts';
import type { WorkloadStates } from '../identity/identity.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { PolicySource } from '../policy/policy-source.ts';
import type { BackendIdentity } from './backend-identity.ts';
import type { Detachments } from './detachments.ts';
import type { Hub } from './hub.ts';
import type { EndRecords } from './end-records.ts';
import type { LeaseCounter, LeaseEvents } from './events.ts';
import type { Locks } from './locks.ts';
import type { OwnedValues } from './owned-values.ts';
import type { Redirects } from './redirects.ts';
import type { Advertised, Replicas } from './replicas.ts';
import type { PathProbes } from './path-probes.ts';
import type { PathSlots } from './path-slots.ts';
import type { Serial } from './serial.ts';
import type { LeaseSettings } from './settings.ts';
import type { StaticSecrets } from './static-secrets.ts';
import type { ReachStep } from './steps.ts';
import type { Trouble } from './trouble.ts';

/** What the engine is given. */
export interface LeaseOptions {
  readonly ledger: Ledger;
  readonly backend: Backend;
  readonly policy: PolicySource;
  readonly states: WorkloadStates;
  readonly audit: Audit;
  readonly admission: Admission;
  /** For durations; instants come from `backend.now()`. */
  readonly clock: Clock;
  readonly log: Log;
  /** Of this process life: `rep_` and 26 characters of `randomId`. */
  readonly replica: string;
  readonly advertised: Advertised;
  readonly settings: LeaseSettings;
  /** 0 to 1, for jitter. */
  readonly random: () => number;
  readonly randomId: (prefix: string) => string;
  readonly reach: ReachStep;
  /** Told everything that is counted, for metrics. */
  readonly onEvent?: (event: LeaseCounter) => void;
  /** Aborts when the broker stops for good. */
  readonly signal: AbortSignal;
}

/** What the parts of the engine share. */
export interface Parts extends LeaseOptions {
  readonly hub: Hub;
  readonly values: OwnedValues;
  readonly statics: StaticSecrets;
  readonly serial: Serial;
  readonly trouble: Trouble;
  readonly detachments: Detachments;
  readonly locks: Locks;
  readonly replicas: Replicas;
  readonly redirects: Redirects;
  /** Lease sets for which requests to the backend are under way here. */
  readonly issuing: Set<string>;
  /** Credentials whose revocation the backend has confirmed to us, while their absence is not yet seen. */
  readonly revoked: Set<string>;
  /** Lease sets whose settlement is in the audit log, while the ledger does not have their end. */
  readonly recorded: Set<string>;
  readonly endRecords: EndRecords;
  readonly pathSlots: PathSlots;
  readonly pathProbes: PathProbes;
  readonly events: LeaseEvents;
  readonly identity: BackendIdentity;
  /** Wakes the work loop. */
  readonly wake: () => void;
}
