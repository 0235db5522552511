import type { Clock } from '../src/platform/clock.ts';
import type { OutagePolicy } from '../src/rpc/client/hold-messages.ts';

/**
 * What a bundle's files are worth while broker or backend are away. Measured on the monotonic clock, so that setting
 * the time neither wipes files nor keeps them for ever.
 *
 * States: calm → (begin) → waiting → (policy's time over) → expired; from both (end) → calm.
 */
export interface Outage {
  /** Trouble begins; no effect while it lasts already. It does not expire before `atLeastMs`, whatever the policy says. */
  begin(atLeastMs?: number): void;
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
  let leastMs = 0;
  let expired = false;
  let cancel: () => void = () => undefined;

  const arm = () => {
    cancel();
    if (beganAt === undefined || expired || policy.mode === 'keep') return;
    const { mode } = policy;
    const expiresAt = beganAt + Math.max(policy.afterSeconds * 1000, leastMs);
    cancel = clock.after(Math.max(0, expiresAt - clock.monotonic()), () => {
      // A long delay is cut by the timer's own limit.
      if (beganAt !== undefined && clock.monotonic() < expiresAt) {
        arm();
        return;
      }
      expired = true;
      options.onExpired(mode);
    });
  };

  return {
    begin: (atLeastMs = 0) => {
      if (beganAt !== undefined) return;
      beganAt = clock.monotonic();
      leastMs = atLeastMs;
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
