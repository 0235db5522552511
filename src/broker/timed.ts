import type { Clock } from '../platform/clock.ts';
import { type ErrorCode, LeaseholdError } from '../platform/error.ts';

/** How one call of a port ended. */
export interface TimedCall {
  /** Name of the method: a closed set, since the port is. */
  readonly method: string;
  readonly seconds: number;
  readonly code: ErrorCode | 'ok';
}

/**
 * The same port, with every call that gives a promise timed. Ports are measured here, where they are put together, so that no
 * adapter knows about metrics.
 */
export function timed<T extends object>(
  port: T,
  options: { readonly clock: Clock; readonly onCall: (call: TimedCall) => void },
): T {
  const { clock, onCall } = options;
  return new Proxy(port, {
    get: (target, key) => {
      const member: unknown = Reflect.get(target, key);
      if (typeof member !== 'function' || typeof key !== 'string') return member;
      return (...args: readonly unknown[]): unknown => {
        const startedAt = clock.monotonic();
        const result: unknown = Reflect.apply(member, target, args);
        if (!(result instanceof Promise)) return result;
        const done = (code: TimedCall['code']) =>
          onCall({ method: key, seconds: (clock.monotonic() - startedAt) / 1000, code });
        result.then(
          () => done('ok'),
          (error: unknown) => done(LeaseholdError.from(error).code),
        );
        return result;
      };
    },
  });
}
