import type { ErrorCode } from '../platform/error.ts';
import type { Degraded, Hub } from './hub.ts';

/** Tells the holders of a session once when it degrades and once when that is over. */
export interface Trouble {
  began(session: string, code: ErrorCode, since: number): void;
  ended(session: string): void;
  /** A holder that attaches in the middle of it learns it too. */
  current(session: string): Degraded | undefined;
}

export function createTrouble(hub: Hub): Trouble {
  return {
    began: (session, code, since) => {
      // Nobody to tell: who comes back learns it when it goes on.
      if (!hub.isAttached(session)) return;
      const before = hub.degradedOf(session);
      if (before?.code === code) return;
      const now = { code, since: before?.since ?? since };
      hub.setDegraded(session, now);
      hub.tell(session, { kind: 'degraded', session, ...now });
    },
    ended: (session) => {
      if (hub.degradedOf(session) === undefined) return;
      hub.setDegraded(session, undefined);
      hub.tell(session, { kind: 'recovered', session });
    },
    current: (session) => hub.degradedOf(session),
  };
}
