import type { ErrorCode } from '../../platform/error.ts';
import type { Secret } from '../../platform/secret.ts';

/** What a holder sends, in our own types: the sidecar sees neither generated types nor grpc-js. */
export type HoldCommand =
  | { readonly kind: 'hello'; readonly credential: Secret; readonly agent: string }
  | {
      readonly kind: 'open';
      readonly bundle: string;
      readonly requestKey: string;
      readonly resume: { readonly session: string; readonly generation: string } | undefined;
    }
  | { readonly kind: 'delivered'; readonly session: string; readonly generation: string }
  | { readonly kind: 'credential'; readonly credential: Secret }
  | { readonly kind: 'wiped'; readonly session: string }
  | { readonly kind: 'release'; readonly session: string };

/** What the broker sends. Times are milliseconds since the Unix epoch, 0 for none. */
export type HoldEvent =
  | {
      readonly kind: 'welcome';
      readonly spiffeId: string;
      readonly workload: string;
      readonly credentialExpiresAt: number;
      /** For a node only: the run that it redeemed. */
      readonly run?: RunFacts;
    }
  | OpenedEvent
  | GenerationEvent
  | {
      readonly kind: 'refused';
      readonly bundle: string;
      readonly code: ErrorCode;
      readonly retryAfterMs: number;
    }
  | {
      readonly kind: 'revoked';
      readonly session: string;
      readonly reason: RevokedReason;
      readonly mayReopen: boolean;
    }
  | { readonly kind: 'degraded'; readonly session: string; readonly code: ErrorCode; readonly since: number }
  | { readonly kind: 'recovered'; readonly session: string }
  | { readonly kind: 'credential_wanted'; readonly by: number }
  | {
      readonly kind: 'redirect';
      readonly bundle: string;
      readonly session: string;
      readonly address: string;
      readonly epoch: number;
    };

/** A batch run, as the scheduler's signer vouched for it. */
export interface RunFacts {
  /** Bundles that this node opens. */
  readonly bundles: readonly string[];
  /** Owner of the job, and the owner's primary group. */
  readonly uid: number;
  readonly gid: number;
  /** Seconds since the Unix epoch. */
  readonly start: number;
  /** How often the job was started before; shown and compared, never a key. */
  readonly restarts: number;
}

export interface OpenedEvent {
  readonly kind: 'opened';
  readonly bundle: string;
  readonly session: string;
  readonly deadlineAt: number;
  readonly outage: OutagePolicy;
  readonly resumed: boolean;
  readonly leased: boolean;
}

export interface GenerationEvent {
  readonly kind: 'generation';
  readonly session: string;
  readonly generation: { readonly id: string; readonly number: number };
  readonly secrets: readonly SecretValue[];
  readonly files: readonly FileSpec[];
  readonly previousUntil: number;
}

export interface SecretValue {
  readonly name: string;
  /** Undefined: the holder's values of this secret still stand. */
  readonly fields: ReadonlyMap<string, Secret> | undefined;
}

export interface OutagePolicy {
  readonly mode: 'keep' | 'not_ready' | 'wipe';
  readonly afterSeconds: number;
}

/** One file, still unchecked: whoever writes it checks path and mode. */
export interface FileSpec {
  readonly path: string;
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly content: FileContent;
}

export type FileContent =
  | { readonly format: 'raw'; readonly secret: string; readonly field: string }
  | { readonly format: 'json'; readonly secret: string }
  | { readonly format: 'dotenv'; readonly secret: string }
  | { readonly format: 'template'; readonly template: string };

export type RevokedReason =
  'admin' | 'locked' | 'workload_ended' | 'deadline' | 'released' | 'lost' | 'not_granted' | 'unknown';
