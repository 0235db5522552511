import { liveStates, type Session, type SessionWithHolders } from '../ledger/ledger.ts';
import { matchesSelector, type Selector } from '../policy/selector.ts';
import { everySession } from './every-session.ts';
import type { Parts } from './parts.ts';
import { withHolders } from './with-holders.ts';

/** How often, and how many at once. */
const lookMs = 1_000;
const lookedAtOnce = 200;

/** Listens from the call on, so that who watches first and acts then misses nothing; the listing comes with the first step. */
export function watchSessions(
  parts: Parts,
  read: (by: string, selector?: Selector) => Promise<void>,
  query: { readonly selector: Selector | undefined; readonly by: string; readonly signal: AbortSignal },
): AsyncIterable<SessionWithHolders> {
  // Only ids are queued, each once, so a slow reader costs no more memory than there are sessions.
  const changed = new Set<string>();
  let wake = Promise.withResolvers<undefined>();
  const unsubscribe = parts.events.subscribe((session) => {
    changed.add(session);
    wake.resolve(undefined);
  });
  const stop = () => {
    unsubscribe();
    wake.resolve(undefined);
  };
  if (query.signal.aborted) stop();
  else query.signal.addEventListener('abort', stop, { once: true });

  /** Shown while they are revoked, the longest ago first: another replica may do the rest of it, which is not told here. */
  const revoking = new Set<string>();
  const shown = async (sessions: readonly Session[]): Promise<readonly SessionWithHolders[]> => {
    for (const { id, state } of sessions) {
      revoking.delete(id);
      if (state === 'revoking') revoking.add(id);
    }
    return withHolders(parts.ledger, sessions);
  };
  const lookAtRevoking = async (): Promise<void> => {
    for (const id of [...revoking].slice(0, lookedAtOnce)) {
      revoking.delete(id);
      if ((await parts.ledger.findSession(id))?.state === 'revoking') revoking.add(id);
      else changed.add(id);
    }
  };
  /** True when nothing has woken it. */
  const wait = async (): Promise<boolean> => {
    let isLate = false;
    const cancel = parts.clock.after(lookMs, () => {
      isLate = true;
      wake.resolve(undefined);
    });
    await wake.promise;
    cancel();
    wake = Promise.withResolvers();
    return isLate;
  };

  async function* steps(): AsyncGenerator<SessionWithHolders> {
    try {
      await read(query.by, query.selector);
      const found = everySession(parts.ledger, { selector: query.selector, states: liveStates });
      for await (const page of found) yield* await shown(page);
      while (!query.signal.aborted) {
        if (await wait()) await lookAtRevoking();
        for (const id of [...changed]) {
          changed.delete(id);
          const session = await parts.ledger.findSession(id);
          if (session === undefined) continue;
          const subject = { identity: session.identity, bundle: session.bundle, session: id };
          if (query.selector === undefined || matchesSelector(query.selector, subject))
            yield* await shown([session]);
        }
      }
    } finally {
      query.signal.removeEventListener('abort', stop);
      unsubscribe();
    }
  }
  return steps();
}
