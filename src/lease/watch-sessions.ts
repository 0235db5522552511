import type { SessionState, SessionWithHolders } from '../ledger/ledger.ts';
import { matchesSelector, type Selector } from '../policy/selector.ts';
import type { Parts } from './parts.ts';
import { withHolders } from './with-holders.ts';

const liveStates: readonly SessionState[] = ['opening', 'active', 'superseded', 'revoking'];
const pageSize = 500;

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

  async function* steps(): AsyncGenerator<SessionWithHolders> {
    try {
      await read(query.by, query.selector);
      for (let after: string | undefined; ;) {
        const page = await parts.ledger.listSessions({
          ...(query.selector === undefined ? {} : { selector: query.selector }),
          states: liveStates,
          limit: pageSize,
          ...(after === undefined ? {} : { after }),
        });
        yield* await withHolders(parts.ledger, page);
        after = page.at(-1)?.id;
        if (page.length < pageSize) break;
      }
      while (!query.signal.aborted) {
        await wake.promise;
        wake = Promise.withResolvers();
        for (const id of [...changed]) {
          changed.delete(id);
          const session = await parts.ledger.findSession(id);
          if (session === undefined) continue;
          const subject = { identity: session.identity, bundle: session.bundle, session: id };
          if (query.selector === undefined || matchesSelector(query.selector, subject))
            yield* await withHolders(parts.ledger, [session]);
        }
      }
    } finally {
      query.signal.removeEventListener('abort', stop);
      unsubscribe();
    }
  }
  return steps();
}
