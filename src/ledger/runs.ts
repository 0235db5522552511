import type { RunIdentity } from '../identity/identity.ts';

/**
 * Runs of batch schedulers, as their signers registered them: the truth about which of them may hold anything. The same rules as for the
 * rest of the ledger: each call is one durable transaction, instants are milliseconds since the Unix epoch and given by the caller.
 */
export interface RunLedger {
  /**
   * Inserts an active run and ends all earlier runs (smaller start) of the same cluster and job, whose workloads are returned. A run that is registered
   * already is returned as it is, with its end raised to `endsAt` while it is active. `ledger_conflict` when another identity, or another SLUID, was
   * registered under the same name, or a later run of the same job is registered: its word is old. One that is inserted with `awaited` is awaited
   * from now on, see `AwaitedLedger`.
   */
  registerRun(input: { readonly run: NewRun; readonly awaited?: boolean; readonly at: number }): Promise<{
    readonly outcome: 'created' | 'existing';
    readonly run: Run;
    readonly ended: readonly string[];
  }>;
  findRun(workload: string): Promise<Run | undefined>;
  /** What people are shown of these workloads beside their identity; nothing for what is no run. */
  describeRuns(workloads: readonly string[]): Promise<ReadonlyMap<string, ShownRun>>;
  /** The run of that job that is active or ending. */
  findRunOfJob(job: { readonly cluster: string; readonly jobId: number }): Promise<Run | undefined>;
  /** active → ending. Undefined when there is no such run; one that is ending or ended is returned as it is. */
  beginRunEnd(input: { readonly workload: string; readonly at: number }): Promise<Run | undefined>;
  /** → ended. Undefined when there is no such run, or it had ended already: of several that end it at once, one has done it. */
  endRun(input: { readonly workload: string; readonly at: number }): Promise<Run | undefined>;
  /** What the scheduler says now about when an active run ends. Nothing happens for others. */
  setRunEnd(input: { readonly workload: string; readonly endsAt: number | undefined }): Promise<void>;
  /** Active and ending ones, or one kind of them, in the order of their registration. */
  listRuns(query?: {
    readonly cluster?: string;
    readonly state?: Exclude<RunState, 'ended'>;
  }): Promise<readonly Run[]>;
  /** Workloads of runs that have ended and still have a session that is opening, active or superseded. */
  listEndedRunsHeld(): Promise<readonly string[]>;
  /** Of these workloads, those of runs that have ended or are not there any more. */
  findEndedRuns(workloads: readonly string[]): Promise<readonly string[]>;
  /**
   * Whether some node that is attached has not said that its files are gone, of a session of that workload that is opening, active or
   * superseded.
   */
  isRunHeld(workload: string): Promise<boolean>;
  /**
   * Which public key a compute node has. The first one is bound; the same one is `same`; another is bound in its place only when its
   * certificate was issued later than that of the bound one, else `refused`.
   */
  bindNode(input: {
    readonly cluster: string;
    readonly node: string;
    /** SHA-256 of the public key, hex. */
    readonly key: string;
    /** Beginning of the certificate's validity. */
    readonly notBefore: number;
    readonly at: number;
  }): Promise<'bound' | 'same' | 'rebound' | 'refused'>;
}

/** As it was registered. */
export type ShownRun = Pick<NewRun, 'restarts' | 'sluid'>;

/** active → ending → ended; active → ended */
export type RunState = 'active' | 'ending' | 'ended';

export interface NewRun {
  readonly identity: RunIdentity;
  /** How often the job was started before. Kept as it was said first; no other run is told by it. */
  readonly restarts: number;
  /** Undefined where the scheduler has none, or who registered it did not say. */
  readonly sluid: string | undefined;
  /** End by the time limit; undefined without one. */
  readonly endsAt: number | undefined;
  /** Bundles that its nodes are to open, decided at registration. */
  readonly bundles: readonly string[];
}

export interface Run extends NewRun {
  readonly state: RunState;
  readonly registeredAt: number;
  /** When its end began, or was told at once. */
  readonly endingAt: number | undefined;
  readonly endedAt: number | undefined;
}
