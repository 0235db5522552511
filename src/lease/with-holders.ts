import { isRunWorkload } from '../identity/workload-name.ts';
import type { Ledger, Session, SessionWithHolders } from '../ledger/ledger.ts';

/** Sessions as they are shown to people. */
export async function withHolders(
  ledger: Pick<Ledger, 'listHolders' | 'describeRuns'>,
  sessions: readonly Session[],
): Promise<readonly SessionWithHolders[]> {
  const holders = await ledger.listHolders(sessions.map(({ id }) => id));
  const ofRuns = sessions.map(({ workload }) => workload).filter(isRunWorkload);
  const runs = ofRuns.length === 0 ? undefined : await ledger.describeRuns(ofRuns);
  return sessions.map((session) => {
    const run = runs?.get(session.workload);
    return { ...session, holders: holders.get(session.id) ?? [], ...(run === undefined ? {} : { run }) };
  });
}
