import type { SessionKey } from '../ledger.ts';

/** Whether both are the same workload's of the same bundle, for the same node or for all. */
export function isOf(one: SessionKey, other: SessionKey): boolean {
  return one.workload === other.workload && one.bundle === other.bundle && one.node === other.node;
}
