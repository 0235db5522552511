import type { Clock } from '../src/platform/clock.ts';
import type { OutagePolicy } from '../src/rpc/client/hold-messages.ts';

/**
 * What a bundle's files are worth while broker or backend are away. Measured on the monotonic clock, so that setting
 * the time neither wipes files nor keeps them for ever.
 *
 * States: calm → (begin) → waiting → (policy's time over) → expired; from both (end) → calm.
 */
export interface Outage {
  /** Trouble begins; no effect while it lasts already. */
  begin(): void;
  end(): void;
  /** As the broker told it with the session; counts from the begin of an outage that is under way. */
  setPolicy(policy: OutagePolicy): void;
  /** True when the policy's time is over and it asks for more than keeping. */
  isExpired(): boolean;
  close(): void;
}

export function createOutage(options: {
  readonly clock: Clock;
  readonly policy: OutagePolicy;
  readonly onExpired: (mode: 'not_ready' | 'wipe') => void;
}): Outage {
  const { clock } = options;
  let policy = options.policy;
  let beganAt: number | undefined;
  let expired = false;
  let cancel: () => void = () => undefined;

  const arm = () => {
    cancel();
    if (beganAt === undefined || expired || policy.mode === 'keep') return;
    const { mode } = policy;
    const remainingMs = beganAt + policy.afterSeconds * 1000 - clock.monotonic();
    cancel = clock.after(Math.max(0, remainingMs), () => {
      // A long delay is cut by the timer's own limit.
      if (beganAt !== undefined && clock.monotonic() < beganAt + policy.afterSeconds * 1000) {
        arm();
        return;
      }
      expired = true;
      options.onExpired(mode);
    });
  };

  return {
    begin: () => {
      if (beganAt !== undefined) return;
      beganAt = clock.monotonic();
      arm();
    },
    end: () => {
      cancel();
      beganAt = undefined;
      expired = false;
    },
    setPolicy: (changed) => {
      policy = changed;
      arm();
    },
    isExpired: () => expired,
    close: () => cancel(),
  };
}
