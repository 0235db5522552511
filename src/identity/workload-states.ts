import type { WorkloadStates } from './identity.ts';
import { isRunWorkload } from './workload-name.ts';

/** The view of pods and that of runs as one. */
export function joinStates(pods: WorkloadStates, runs: WorkloadStates): WorkloadStates {
  return {
    state: (workload) => (isRunWorkload(workload) ? runs : pods).state(workload),
    subscribe: (listener) => {
      const unsubscribe = [pods.subscribe(listener), runs.subscribe(listener)];
      return () => {
        for (const stop of unsubscribe) stop();
      };
    },
  };
}
