import { LeaseholdError } from '../platform/error.ts';
import { type Bundle, isLeased } from '../policy/bundle.ts';
import { withdrawRefused } from './decide.ts';
import type { Parts } from './parts.ts';
import { holdKey } from './serial.ts';
import { deliverStatics } from './static-delivery.ts';
import type { StaticSnapshot } from './static-secrets.ts';

/**
 * Looks at the static secrets of every bundle that somebody here holds, when its interval is over, and delivers what changed to every session
 * that does not have it yet, however it came to miss it.
 */
export interface StaticRefresh {
  /** Called every second or so; starts what is due and returns at once. */
  tick(): void;
}

export function createStaticRefresh(
  parts: Parts,
  options: { readonly start: (task: () => Promise<void>) => void },
): StaticRefresh {
  const { clock, hub, statics } = parts;
  const lookedAt = new Map<string, number>();
  /** Bundles of which some session could not be told, and when to try again. */
  const behind = new Map<string, number>();
  const busy = new Set<string>();

  const look = async (bundle: Bundle): Promise<StaticSnapshot | undefined> => {
    try {
      const snapshot = await statics.refresh(bundle, { signal: parts.signal });
      if (!isLeased(bundle)) for (const id of hub.sessionsOf(bundle.name)) parts.trouble.ended(id);
      return snapshot;
    } catch (error) {
      const { code } = LeaseholdError.from(error);
      if (code === 'cancelled') return undefined;
      parts.log.warn('static secrets could not be looked at', { bundle: bundle.name }, error);
      const now = parts.backend.now();
      if (!isLeased(bundle)) for (const id of hub.sessionsOf(bundle.name)) parts.trouble.began(id, code, now);
      return undefined;
    }
  };

  const deliverTo = async (bundle: Bundle, id: string): Promise<void> => {
    const session = await parts.ledger.findSession(id);
    if (session?.state !== 'active' || !hub.isAttached(id)) return;
    if (await withdrawRefused(parts, session)) return;
    if (parts.states.state(session.workload).freshness === 'lost') throw new LeaseholdError('workload_stale');
    await deliverStatics(parts, { session, bundle, signal: parts.signal });
  };

  const refresh = async (bundle: Bundle, isDue: boolean): Promise<void> => {
    const { name } = bundle;
    const snapshot = isDue ? await look(bundle) : statics.peek(bundle);
    if (snapshot === undefined) return;
    behind.delete(name);
    for (const id of hub.sessionsOf(name)) {
      if (hub.staticOf(id) === snapshot.id) continue;
      try {
        const session = await parts.ledger.findSession(id);
        if (session !== undefined) await parts.serial.run(holdKey(session), () => deliverTo(bundle, id));
      } catch (error) {
        behind.set(name, clock.monotonic() + parts.settings.retryMaxMs);
        parts.log.warn('a new version could not be delivered and is tried again', { session: id }, error);
      }
    }
  };

  const startOne = (name: string): void => {
    const bundle = parts.policy.bundle(name);
    if (bundle?.secrets.some(({ kind }) => kind === 'static') !== true || busy.has(name)) return;
    const now = clock.monotonic();
    // Whoever opened it first has just read it.
    const last = lookedAt.get(name) ?? now;
    const isDue = now - last >= bundle.refreshSeconds * 1000;
    lookedAt.set(name, isDue ? now : last);
    if (!isDue && now < (behind.get(name) ?? Infinity)) return;
    busy.add(name);
    options.start(() => refresh(bundle, isDue).finally(() => busy.delete(name)));
  };

  return {
    tick: () => {
      const held = hub.bundles();
      statics.retain((name) => held.has(name));
      for (const map of [lookedAt, behind])
        for (const name of map.keys()) if (!held.has(name)) map.delete(name);
      for (const name of held) startOne(name);
    },
  };
}
