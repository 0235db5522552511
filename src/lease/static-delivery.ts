import type { Session } from '../ledger/ledger.ts';
import type { Bundle } from '../policy/bundle.ts';
import { deliver } from './deliver.ts';
import type { Attached } from './hub.ts';
import type { Parts } from './parts.ts';
import { keepStanding } from './standing.ts';
import type { StaticSnapshot } from './static-secrets.ts';

/** The static half of a mixed bundle; undefined for one that has none. */
export async function staticFields(
  parts: Parts,
  bundle: Bundle,
  signal: AbortSignal,
): Promise<StaticSnapshot | undefined> {
  return bundle.secrets.some(({ kind }) => kind === 'static')
    ? parts.statics.current(bundle, { signal })
    : undefined;
}

/**
 * A new version of static secrets for one session: a new generation, no new leases, leased values unchanged. Becomes a rotation where the
 * policy asks for other leases than the session has.
 */
export async function deliverStatics(
  parts: Parts,
  options: { readonly session: Session; readonly bundle: Bundle; readonly signal: AbortSignal },
): Promise<void> {
  const at = parts.backend.now();
  if (!coversLeases(options.session, options.bundle)) {
    await parts.ledger.putWork([{ kind: 'rotate', subject: options.session.id, dueAt: at }]);
    parts.wake();
    return;
  }
  const snapshot = await parts.statics.current(options.bundle, { signal: options.signal });
  const before = options.session.generation;
  const session = await parts.ledger.activate({
    session: options.session.id,
    generation: { id: parts.randomId('gen_'), versions: snapshot.versions },
    retireAt: at,
    work: [],
    at,
  });
  const owned = parts.values.get(session.id, before.id);
  // Some holder may not have the leased values yet: they move to the new generation.
  if (owned !== undefined) await keepStanding(parts, session, owned);
  await deliver(parts, {
    session,
    bundle: options.bundle,
    leased: owned,
    statics: snapshot.fields,
    to: parts.hub.attachedTo(session.id),
    previousUntil: 0,
  });
  parts.hub.setStatic(session.id, snapshot.id);
  parts.events.changed(session.id);
}

/** Holders that lack the current generation of a session without leases, which another replica has made, get it from here. */
export async function deliverCurrentStatics(
  parts: Parts,
  options: {
    readonly session: Session;
    readonly bundle: Bundle;
    readonly to: readonly Attached[];
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { session, bundle, to, signal } = options;
  const known = await parts.statics.current(bundle, { signal });
  const isSame = known.versions !== '' && known.versions === session.generation.versions;
  const snapshot = isSame ? known : await parts.statics.refresh(bundle, { signal });
  await deliver(parts, {
    session,
    bundle,
    leased: undefined,
    statics: snapshot.fields,
    to,
    previousUntil: 0,
  });
  parts.hub.setStatic(session.id, snapshot.id);
}

/**
 * False when the policy has given the bundle other leased secrets since the session got its own: a generation that calls them unchanged would
 * name what no holder has.
 */
export function coversLeases(session: Session, bundle: Bundle): boolean {
  const current = session.leaseSets.find(({ state }) => state === 'current');
  const held = (current?.credentials ?? []).filter(({ kind }) => kind === 'lease').map(({ path }) => path);
  const wanted = bundle.secrets.filter(({ kind }) => kind === 'leased').map(({ path }) => path);
  return wanted.toSorted().join('\n') === held.toSorted().join('\n');
}
