import { bundlesForRun, decide, runGrants } from './decide.ts';
import type { Policy } from './grant.ts';
import type { PolicySource } from './policy-source.ts';

/** A policy that its owner can swap. */
export interface PolicyCell extends PolicySource {
  /** In force for every decision from now on; subscribers are told before this returns. */
  replace(policy: Policy, revision: string): void;
}

/** `onListenerError` gets what a subscriber throws; the others are still told. */
export function createPolicyCell(options: {
  readonly policy: Policy;
  readonly revision: string;
  readonly onListenerError?: (error: unknown) => void;
}): PolicyCell {
  let { policy, revision } = options;
  // Keyed by subscription, not by function: one function may subscribe twice.
  const listeners = new Map<symbol, () => void>();
  return {
    decide: (identity, bundle) => decide(policy, identity, bundle),
    bundlesForRun: (identity, requested) => bundlesForRun(policy, identity, requested),
    runGrants: (cluster) => runGrants(policy, cluster),
    bundle: (name) => policy.bundles.get(name),
    bundles: () => [...policy.bundles.values()],
    get revision() {
      return revision;
    },
    subscribe: (listener) => {
      const key = Symbol('subscription');
      listeners.set(key, listener);
      return () => void listeners.delete(key);
    },
    replace: (nextPolicy, nextRevision) => {
      policy = nextPolicy;
      revision = nextRevision;
      for (const listener of [...listeners.values()]) {
        try {
          listener();
        } catch (error) {
          options.onListenerError?.(error);
        }
      }
    },
  };
}

/** A policy that never changes, for tests and the demonstration. */
export function createFixedPolicy(policy: Policy, revision = 'fixed'): PolicySource {
  return createPolicyCell({ policy, revision });
}
