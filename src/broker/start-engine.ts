import type { Audit } from '../audit/audit.ts';
import { createAdmission, type Admission } from '../backend/admission.ts';
import type { Backend } from '../backend/backend.ts';
import type { WorkloadStates } from '../identity/identity.ts';
import { type LeaseEngine, startLeaseEngine } from '../lease/engine.ts';
import type { LeaseOptions } from '../lease/parts.ts';
import { defaultLeaseSettings, type LeaseSettings } from '../lease/settings.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { randomId } from '../platform/random-id.ts';
import type { PolicySource } from '../policy/policy-source.ts';

/** What a broker is made of, whatever it is configured from. */
export interface EngineParts {
  readonly ledger: Ledger;
  readonly backend: Backend;
  readonly policy: PolicySource;
  readonly states: WorkloadStates;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly log: Log;
  readonly admission: { readonly concurrency: number; readonly queue: number; readonly maxWaitMs: number };
  readonly settings?: Partial<LeaseSettings>;
  readonly advertised?: LeaseOptions['advertised'];
  /** Told everything that the engine counts. */
  readonly onEvent?: LeaseOptions['onEvent'];
  /** Told how long each task waited for the secret backend. */
  readonly onAdmitted?: (waitSeconds: number) => void;
  readonly signal: AbortSignal;
}

/** The session engine with production's randomness and no fault points. */
export async function startEngine(
  parts: EngineParts,
): Promise<{ readonly engine: LeaseEngine; readonly admission: Admission }> {
  const queue = createAdmission({ ...parts.admission, clock: parts.clock });
  const admission: Admission = {
    ...queue,
    run: (key, task, options) => {
      const askedAt = parts.clock.monotonic();
      const admitted = () => {
        parts.onAdmitted?.((parts.clock.monotonic() - askedAt) / 1000);
        return task();
      };
      return queue.run(key, admitted, options);
    },
  };
  const engine = await startLeaseEngine({
    ledger: parts.ledger,
    backend: parts.backend,
    policy: parts.policy,
    states: parts.states,
    audit: parts.audit,
    admission,
    clock: parts.clock,
    log: parts.log,
    replica: randomId('rep_'),
    advertised: parts.advertised ?? {},
    settings: { ...defaultLeaseSettings, ...parts.settings },
    random: Math.random,
    randomId,
    reach: () => undefined,
    ...(parts.onEvent === undefined ? {} : { onEvent: parts.onEvent }),
    signal: parts.signal,
  });
  return { engine, admission };
}
