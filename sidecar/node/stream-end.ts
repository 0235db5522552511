import type { ErrorCode } from '../../src/platform/error.ts';
import { isWorkloadGone } from '../pace.ts';

/** Waiting changes none of these: the broker, or whoever is told of the alarm, has decided. */
const decided = new Set<ErrorCode>(['credential_wrong_workload', 'node_other_key', 'workload_terminating']);

/**
 * What the end of its stream means for a run. `over`: it is, by the broker's word. `refused`: it will never be named here. `unregistered`: not yet, or
 * never; the prolog's own deadline decides how long to ask. `lost`: nothing, but for the stream.
 */
export function meaningOfEnd(
  code: ErrorCode | undefined,
  isNamed: boolean,
): 'over' | 'refused' | 'unregistered' | 'lost' {
  if (!isNamed && code === 'workload_unknown') return 'unregistered';
  if (isWorkloadGone(code)) return 'over';
  return !isNamed && code !== undefined && decided.has(code) ? 'refused' : 'lost';
}
