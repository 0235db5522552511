import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';

/**
 * The trace id of what runs now: one for each call, holder's stream and work item, so that its log lines and audit records can be found by
 * each other. It follows asynchronous calls by itself: passed on by hand it would be missing wherever somebody forgot it.
 */
const current = new AsyncLocalStorage<string>();

/** 32 hexadecimal digits, not all zero (W3C Trace Context, `trace-id`); undefined outside of any trace. */
export function currentTrace(): string | undefined {
  return current.getStore();
}

export function withTrace<T>(trace: string, run: () => T): T {
  return current.run(trace, run);
}

export function newTrace(): string {
  return randomBytes(16).toString('hex');
}

/**
 * The trace id of a W3C `traceparent` header, undefined when it is none. Only for callers that are known: a stranger that chooses the id could
 * put its records among another's.
 */
export function traceOfParent(header: string): string | undefined {
  const [, version, trace] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/.exec(header) ?? [];
  if (version === undefined || version === 'ff' || trace === undefined) return undefined;
  // Version 00 has four fields and nothing more.
  if (version === '00' && header.length !== 55) return undefined;
  return /^0{32}$/.test(trace) ? undefined : trace;
}
