import type { Session } from '../ledger/ledger.ts';
import { hasCode, LeaseholdError } from '../platform/error.ts';
import type { SecretFields } from './owned-values.ts';
import type { Parts } from './parts.ts';

/**
 * To be asked after something of a session was put into memory: who revoked it before did not see that, who revokes it from
 * now on does. Returns it as it stands. `ledger_conflict` when it is not held any more.
 */
export async function requireStanding(parts: Pick<Parts, 'ledger'>, id: string): Promise<Session> {
  const session = await parts.ledger.findSession(id);
  if (session?.state !== 'active' && session?.state !== 'superseded')
    throw new LeaseholdError('ledger_conflict', { detail: 'the session was revoked in the meantime' });
  return session;
}

/** Values of a session that was revoked meanwhile must not stay behind in memory. */
export async function keepStanding(parts: Parts, session: Session, fields: SecretFields): Promise<void> {
  parts.values.keep(session.id, session.generation.id, fields);
  try {
    await requireStanding(parts, session.id);
  } catch (error) {
    if (hasCode(error, 'ledger_conflict')) parts.values.forget(session.id);
    throw error;
  }
}
