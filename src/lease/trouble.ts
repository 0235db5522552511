import type { ErrorCode } from '../platform/error.ts';
import type { Hub } from './hub.ts';

/** Tells the holders of a session once when it degrades and once when that is over. */
export interface Trouble {
  began(session: string, code: ErrorCode, since: number): void;
  ended(session: string): void;
  /** A holder that attaches in the middle of it learns it too. */
  current(session: string): { readonly code: ErrorCode; readonly since: number } | undefined;
  forget(session: string): void;
}

export function createTrouble(hub: Hub): Trouble {
  const troubles = new Map<string, { readonly code: ErrorCode; readonly since: number }>();
  return {
    began: (session, code, since) => {
      // Nobody to tell: who comes back learns it when it goes on.
      if (!hub.isAttached(session)) return;
      const before = troubles.get(session);
      if (before?.code === code) return;
      troubles.set(session, { code, since: before?.since ?? since });
      hub.tell(session, { kind: 'degraded', session, code, since: before?.since ?? since });
    },
    ended: (session) => {
      if (troubles.delete(session)) hub.tell(session, { kind: 'recovered', session });
    },
    current: (session) => troubles.get(session),
    forget: (session) => void troubles.delete(session),
  };
}
