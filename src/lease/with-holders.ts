import type { Ledger, Session, SessionWithHolders } from '../ledger/ledger.ts';

/** Sessions as they are shown to people. */
export async function withHolders(
  ledger: Pick<Ledger, 'listHolders'>,
  sessions: readonly Session[],
): Promise<readonly SessionWithHolders[]> {
  const holders = await ledger.listHolders(sessions.map(({ id }) => id));
  return sessions.map((session) => ({ ...session, holders: holders.get(session.id) ?? [] }));
}
