import type { Clock } from '../../src/platform/clock.ts';
import type { Log } from '../../src/platform/log.ts';
import type { Secret } from '../../src/platform/secret.ts';
import type { DialHold } from '../../src/rpc/client/hold-client.ts';
import type { UndeliveredWord } from '../../src/rpc/client/report-undelivered.ts';
import type { Counters } from '../counters.ts';
import type { HoldLoopOptions } from '../hold.ts';
import type { Prove } from '../proof.ts';
import type { NotifyRun } from './notify-run.ts';
import type { RunRecord } from './run-record.ts';
import type { RunStore } from './run-store.ts';
import type { RunSubject } from './seen-job.ts';

export interface NodeRunOptions {
  readonly subject: RunSubject;
  /** Of an earlier process. */
  readonly record?: RunRecord;
  readonly store: RunStore;
  readonly addresses: readonly string[];
  /** Of a run that a prolog waits for; see `HoldLoopOptions`. */
  readonly hurry?: NonNullable<HoldLoopOptions['hurry']>;
  readonly serverName: string | undefined;
  /** Proof for a stream that speaks of the run by this reference; it says more once the broker has named the run. */
  readonly prove: (reference: () => Secret) => ReturnType<Prove>;
  readonly agent: string;
  readonly dial: DialHold;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly counters: Counters;
  readonly notifyRun: NotifyRun | undefined;
  /** Tells a broker that the run goes without its files here. See `reportUndelivered`. */
  readonly tellUndelivered: (word: UndeliveredWord, signal: AbortSignal) => Promise<boolean>;
  readonly allowDisk: boolean;
  /** None of the addresses has a broker that answers, and nobody has named the run yet. */
  readonly onUnreachable: () => void;
  /** The broker's word that it is over, or another's: it has ended by itself. */
  readonly onEnded: () => void;
}
