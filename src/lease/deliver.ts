import type { Session } from '../ledger/ledger.ts';
import type { Bundle } from '../policy/bundle.ts';
import type { Attached } from './hub.ts';
import type { SecretFields } from './owned-values.ts';
import { sessionFacts } from './audit-facts.ts';
import type { Parts } from './parts.ts';
import { LeaseholdError } from '../platform/error.ts';
import type { DeliveredSecret } from './sessions.ts';

/** What one delivery of a session's current generation is made of. */
export interface Delivery {
  readonly session: Session;
  readonly bundle: Bundle;
  /** Undefined: the holder keeps its leased values. */
  readonly leased: SecretFields | undefined;
  /** Undefined: the holder keeps its static values. */
  readonly statics: SecretFields | undefined;
  readonly to: readonly Attached[];
  /** 0 when there is no retiring lease set. */
  readonly previousUntil: number;
}

/** Deliveries that share the audit log's writes: a run on many nodes would else wait for the disk once for each. */
const atOnce = 256;

/**
 * Sends a generation to holders, each delivery recorded first: where the audit log cannot take the record, that holder gets
 * nothing and `audit_unavailable` is thrown.
 */
export async function deliver(parts: Parts, delivery: Delivery): Promise<void> {
  const { to } = delivery;
  const deliverOne = messenger(parts, delivery);
  for (let first = 0; first < to.length; first += atOnce) {
    const sent = await Promise.allSettled(to.slice(first, first + atOnce).map(deliverOne));
    for (const one of sent) if (one.status === 'rejected') throw one.reason;
  }
}

function messenger(parts: Parts, delivery: Delivery): (attached: Attached) => Promise<void> {
  const { session, bundle } = delivery;
  const generation = session.generation.id;
  const secrets = bundle.secrets.map((source): DeliveredSecret => {
    const fields = (source.kind === 'leased' ? delivery.leased : delivery.statics)?.get(source.name);
    return { name: source.name, fields };
  });
  const paths = bundle.secrets
    .filter((_, index) => secrets[index]?.fields !== undefined)
    .map(({ path }) => path);
  return async (attached) => {
    await parts.audit.record({
      action: 'deliver',
      outcome: 'ok',
      actor: 'broker',
      ...sessionFacts(session),
      holder: attached.verified.holder,
      credentialId: attached.verified.credentialId,
      generation: session.generation.id,
      paths,
    });
    // Revoked or let go while the record was written: nothing is sent to who must not have it any more.
    if (!attached.open || !attached.sessions.has(session.id)) return;
    // Every holder's word that it has them may have come meanwhile, and then the bytes have been overwritten: what would be sent is empty.
    if (delivery.leased !== undefined && parts.values.get(session.id, generation) !== delivery.leased)
      throw new LeaseholdError('ledger_conflict', { detail: 'the values are gone' });
    attached.send({
      kind: 'generation',
      session: session.id,
      generation: { id: session.generation.id, number: session.generation.number },
      secrets,
      files: bundle.files,
      previousUntil: delivery.previousUntil,
    });
    attached.sent.set(session.id, session.generation.id);
    parts.events.count('delivered');
    await parts.reach('generation.sent', session.id);
  };
}
