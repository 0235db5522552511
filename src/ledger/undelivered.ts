import type { ErrorCode } from '../platform/error.ts';
import type { Run } from './runs.ts';

/** Nodes that could not deliver the files of a run. Kept as long as the run is. The same rules as for the rest of the ledger. */
export interface UndeliveredLedger {
  /** One row for each node of an active run: what was said first stands. `over` for a run that ends or has ended, `unknown` for no run. */
  recordUndelivered(input: {
    readonly workload: string;
    readonly node: string;
    readonly code: ErrorCode;
    /** Whether the job is to be cancelled for it, by the policy of this moment. */
    readonly cancels: boolean;
    readonly at: number;
  }): Promise<'recorded' | 'known' | 'over' | 'unknown'>;
  /** Active runs of that cluster that are to be cancelled, in the order of their registration. */
  listRunsToCancel(query: { readonly cluster: string }): Promise<readonly Run[]>;
}
