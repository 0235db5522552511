import type { VaultConfig } from '../../../src/backend/vault/vault-config.ts';
import type { LedgerConfig } from '../../../src/broker/config-ledger.ts';
import type { Step } from '../../../src/lease/steps.ts';
import type { SessionState } from '../../../src/ledger/ledger.ts';
import type { BackendCall } from './remote-backend.ts';

/** How patient everything is in these tests. Milliseconds; real time passes. */
export const timing = {
  probationSeconds: 2,
  requestLimitMs: 1_000,
  ttlSeconds: 5,
  overlapSeconds: 1,
  reattachGraceMs: 1_500,
} as const;

export interface CrashTimes {
  readonly probationSeconds: number;
  readonly ttlSeconds: number;
}

/** A Vault that the child connects to by itself, and its roles there. */
export interface OwnVault {
  readonly config: VaultConfig;
  readonly tokenRole: string;
  readonly path: string;
}

export interface Resume {
  readonly session: string;
  readonly generation: string;
}

/** From the parent, one after the other. */
export type Command =
  | {
      readonly kind: 'start';
      readonly store: LedgerConfig;
      readonly holders: readonly string[];
      /** The file that it appends the lease sets to whose end is in the audit log. */
      readonly recorded: string;
      readonly times: CrashTimes;
      /** Without it the backend is in the parent. */
      readonly vault: OwnVault | undefined;
    }
  /** Freeze for good when this step is reached for the nth time from now on. */
  | { readonly kind: 'arm'; readonly step: Step; readonly nth: number }
  | { readonly kind: 'attach'; readonly holder: string }
  | { readonly kind: 'open'; readonly holder: string; readonly resume: Resume | undefined }
  | ({ readonly kind: 'delivered'; readonly holder: string } & Resume)
  | { readonly kind: 'rotate' }
  | { readonly kind: 'revoke' }
  | { readonly kind: 'sessions' };

export type ToChild =
  | { readonly to: 'command'; readonly id: number; readonly command: Command }
  | { readonly to: 'reply'; readonly id: number; readonly value: unknown; readonly code: string | undefined };

export type FromChild =
  | { readonly from: 'done'; readonly id: number; readonly value: unknown; readonly code: string | undefined }
  | { readonly from: 'backend'; readonly id: number; readonly call: BackendCall }
  | { readonly from: 'holder'; readonly holder: string; readonly event: HolderEvent };

/** What a holder is told, as far as these tests care. */
export type HolderEvent =
  | { readonly kind: 'opened'; readonly session: string; readonly resumed: boolean }
  | {
      readonly kind: 'generation';
      readonly session: string;
      readonly generation: string;
      readonly login: Login | undefined;
    }
  | { readonly kind: 'refused'; readonly code: string; readonly retryAfterMs: number }
  | { readonly kind: 'revoked'; readonly session: string; readonly mayReopen: boolean };

export interface Login {
  readonly username: string;
  readonly password: string;
}

/** What the ledger knows of one session, ended lease sets too. */
export interface KnownSession {
  readonly id: string;
  readonly state: SessionState;
  readonly reason: string | undefined;
  readonly leaseSets: readonly {
    readonly id: string;
    readonly state: string;
    readonly credentials: readonly { readonly reference: string; readonly settlement: string }[];
  }[];
}
