import { createRunRegistry, type RunRegistry } from '../../../src/lease/runs/run-registry.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { createFixedPolicy } from '../../../src/policy/policy-cell.ts';
import type { ManualClock } from '../backend/manual-clock.ts';

type Options = Parameters<typeof createRunRegistry>[0];

/** Of the cluster `hpc` and no policy, by the test's clock; its owner disposes of it. */
export function aRunRegistry(
  parts: Pick<Options, 'ledger' | 'audit'> & { readonly clock: ManualClock },
): RunRegistry {
  return createRunRegistry({
    ...parts,
    policy: createFixedPolicy({ bundles: new Map(), grants: [] }),
    clusters: [
      { name: 'hpc', audience: 'a', keys: { file: '/k' }, endGraceSeconds: 600, absentAfterSeconds: 0 },
    ],
    log: silentLog,
    now: () => parts.clock.now(),
    serves: () => true,
  });
}
