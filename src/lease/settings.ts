import type { CanarySettings } from './canary/canary.ts';

/** How patient the session engine is. Durations in milliseconds. */
export interface LeaseSettings {
  /** After a restart, how long holders have to come back before anybody asks whether their session is detached. */
  readonly reattachGraceMs: number;
  /** First and longest pause between tries of a revocation that fails. It is tried for as long as it takes. */
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
  /** How many work items are handled at once. */
  readonly workConcurrency: number;
  /** Engine paths whose first lease may be longer than the probation, by name. */
  readonly allowLongLeases: readonly string[];
  /** How often a replica shows the others that it is alive, and looks at them. */
  readonly heartbeatMs: number;
  /** How often the clusters' views are compared with the ledger. */
  readonly sweepMs: number;
  /** How long ended sessions stay in the ledger. */
  readonly keepEndedMs: number;
  /** Canaries run when this is set. Their interval is shorter than `keepEndedMs`: the one before has to be known. */
  readonly canary?: CanarySettings;
}

export const defaultLeaseSettings: LeaseSettings = {
  reattachGraceMs: 120_000,
  retryMinMs: 1_000,
  retryMaxMs: 30_000,
  workConcurrency: 32,
  allowLongLeases: [],
  heartbeatMs: 2_000,
  sweepMs: 15_000,
  keepEndedMs: 7 * 24 * 3_600_000,
};
