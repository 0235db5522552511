import type { Ledger, Session, SessionState } from '../ledger/ledger.ts';
import type { Selector } from '../policy/selector.ts';

const pageSize = 500;

/** All of them in the order of their creation, a page at a time: who takes long over one page reads the next one as it is then. */
export async function* everySession(
  ledger: Pick<Ledger, 'listSessions'>,
  query: {
    readonly workload?: string;
    readonly selector?: Selector | undefined;
    readonly states: readonly SessionState[];
  },
): AsyncGenerator<readonly Session[], void, undefined> {
  const { workload, selector, states } = query;
  for (let after: string | undefined; ;) {
    const page = await ledger.listSessions({
      ...(workload === undefined ? {} : { workload }),
      ...(selector === undefined ? {} : { selector }),
      states,
      limit: pageSize,
      ...(after === undefined ? {} : { after }),
    });
    yield page;
    after = page.at(-1)?.id;
    if (page.length < pageSize) return;
  }
}
