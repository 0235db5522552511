/** Tells watchers and metrics that something about a session changed. */
export interface LeaseEvents {
  changed(session: string): void;
  /** The returned function unsubscribes. */
  subscribe(listener: (session: string) => void): () => void;
  count(name: LeaseCounter, by?: number): void;
  counters(): Readonly<Record<LeaseCounter, number>>;
}

export const leaseCounters = [
  'opened',
  'resumed',
  'refused',
  'issued',
  'issue_failed',
  'delivered',
  'renewed',
  'renew_failed',
  'rotated',
  'rotate_failed',
  'revoked',
  'revoke_retried',
  'vanished',
  'backend_changed',
  'audit_missed',
] as const;

export type LeaseCounter = (typeof leaseCounters)[number];

export function createLeaseEvents(onEvent?: (event: LeaseCounter) => void): LeaseEvents {
  const listeners = new Set<(session: string) => void>();
  const counts = Object.fromEntries(leaseCounters.map((name) => [name, 0])) as Record<LeaseCounter, number>;
  return {
    changed: (session) => {
      for (const listener of listeners) listener(session);
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    count: (name, by = 1) => {
      counts[name] += by;
      for (let index = 0; index < by; index += 1) onEvent?.(name);
    },
    counters: () => ({ ...counts }),
  };
}
