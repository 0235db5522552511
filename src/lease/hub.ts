import type { Verified } from '../identity/identity.ts';
import type { ErrorCode } from '../platform/error.ts';
import type { HolderMessage } from './sessions.ts';

/** Why a session degraded, and since when. */
export interface Degraded {
  readonly code: ErrorCode;
  readonly since: number;
}

/** A holder whose stream is open on this broker. */
export interface Attached {
  /** Replaced when the holder shows a fresh credential. */
  verified: Verified;
  readonly mayOpen: boolean;
  readonly send: (message: HolderMessage) => void;
  /** Sessions that this stream carries. */
  readonly sessions: Set<string>;
  /** Of each of them, the generation that was sent last, or that the holder came back with. */
  readonly sent: Map<string, string>;
  open: boolean;
}

/** Who is attached here, by workload and holder and by session. Memory only: a restart begins empty. */
export interface Hub {
  /** The stream that the same holder had before, when there was one, and what it carried; it carries nothing any more. */
  enter(
    attached: Attached,
  ): { readonly attached: Attached; readonly sessions: readonly string[] } | undefined;
  /** Returns what it carried. Of a stream that has left already: what it was still given since. */
  leave(attached: Attached): readonly string[];
  /** This stream lets go of one session. */
  drop(attached: Attached, session: string): void;
  join(attached: Attached, session: string, bundle: string): void;
  part(session: string): readonly Attached[];
  attachedTo(session: string): readonly Attached[];
  isAttached(session: string): boolean;
  /** The live stream of that holder. */
  find(workload: string, holder: string): Attached | undefined;
  /** Live streams of a workload. */
  ofWorkload(workload: string): readonly Attached[];
  tell(session: string, message: HolderMessage): void;
  sessions(): readonly string[];
  /** Bundles that somebody attached here holds. */
  bundles(): ReadonlySet<string>;
  sessionsOf(bundle: string): readonly string[];
  /** Reading of the static secrets that an attached session has; forgotten with its last stream. */
  staticOf(session: string): number | undefined;
  setStatic(session: string, snapshot: number): void;
  /** Of an attached session; forgotten with its last stream: what another replica does about it meanwhile is not told here. */
  degradedOf(session: string): Degraded | undefined;
  setDegraded(session: string, degraded: Degraded | undefined): void;
  streams(): number;
  /** Every stream. */
  all(): readonly Attached[];
}

export function createHub(): Hub {
  const byHolder = new Map<string, Attached>();
  const bySession = new Map<string, Set<Attached>>();
  const byWorkload = new Map<string, Set<Attached>>();
  const bundleOf = new Map<string, string>();
  const statics = new Map<string, number>();
  const degraded = new Map<string, Degraded>();
  const byBundle = new Map<string, Set<string>>();
  const keyOf = (workload: string, holder: string) => `${workload}\n${holder}`;
  const holderKey = ({ verified }: Attached) => keyOf(verified.identity.workload, verified.holder);

  const remove = (index: Map<string, Set<Attached>>, key: string, attached: Attached) => {
    const set = index.get(key);
    set?.delete(attached);
    if (set?.size === 0) index.delete(key);
  };
  const add = (index: Map<string, Set<Attached>>, key: string, attached: Attached) => {
    const set = index.get(key);
    if (set === undefined) index.set(key, new Set([attached]));
    else set.add(attached);
  };
  const dropUnattached = (session: string) => {
    if (bySession.has(session)) return;
    const bundle = bundleOf.get(session);
    if (bundle === undefined) return;
    bundleOf.delete(session);
    statics.delete(session);
    degraded.delete(session);
    const sessions = byBundle.get(bundle);
    sessions?.delete(session);
    if (sessions?.size === 0) byBundle.delete(bundle);
  };
  const drop = (attached: Attached, session: string) => {
    attached.sessions.delete(session);
    attached.sent.delete(session);
    remove(bySession, session, attached);
    dropUnattached(session);
  };
  const leave = (attached: Attached): readonly string[] => {
    attached.open = false;
    const carried = [...attached.sessions];
    if (byHolder.get(holderKey(attached)) === attached) byHolder.delete(holderKey(attached));
    remove(byWorkload, attached.verified.identity.workload, attached);
    for (const session of carried) drop(attached, session);
    return carried;
  };

  return {
    enter: (attached) => {
      const before = byHolder.get(holderKey(attached));
      const left = before === undefined ? undefined : { attached: before, sessions: leave(before) };
      byHolder.set(holderKey(attached), attached);
      add(byWorkload, attached.verified.identity.workload, attached);
      return left;
    },
    leave,
    drop,
    join: (attached, session, bundle) => {
      attached.sessions.add(session);
      if (!attached.open) return;
      add(bySession, session, attached);
      bundleOf.set(session, bundle);
      const sessions = byBundle.get(bundle);
      if (sessions === undefined) byBundle.set(bundle, new Set([session]));
      else sessions.add(session);
    },
    part: (session) => {
      const parted = [...(bySession.get(session) ?? [])];
      for (const attached of parted) drop(attached, session);
      return parted;
    },
    attachedTo: (session) => [...(bySession.get(session) ?? [])],
    isAttached: (session) => bySession.has(session),
    find: (workload, holder) => byHolder.get(keyOf(workload, holder)),
    ofWorkload: (workload) => [...(byWorkload.get(workload) ?? [])],
    tell: (session, message) => {
      for (const attached of bySession.get(session) ?? []) attached.send(message);
    },
    sessions: () => [...bySession.keys()],
    bundles: () => new Set(byBundle.keys()),
    sessionsOf: (bundle) => [...(byBundle.get(bundle) ?? [])],
    staticOf: (session) => statics.get(session),
    setStatic: (session, snapshot) => {
      if (bySession.has(session)) statics.set(session, snapshot);
    },
    degradedOf: (session) => degraded.get(session),
    setDegraded: (session, now) => {
      if (now === undefined) degraded.delete(session);
      else if (bySession.has(session)) degraded.set(session, now);
    },
    streams: () => byHolder.size,
    all: () => [...byHolder.values()],
  };
}
