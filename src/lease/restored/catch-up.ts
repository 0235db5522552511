import { heldStates, type Ledger, type Lock, type SessionEnd, type Tombstone } from '../../ledger/ledger.ts';
import type { Log } from '../../platform/log.ts';
import { everySession } from '../every-session.ts';
import type { HoldWord, ToldSince } from './told-since.ts';

/** What a ledger lacks of what its broker's own records say. */
export interface Lacking {
  readonly locks: readonly Lock[];
  /** Ids. */
  readonly removedLocks: readonly string[];
  readonly tombstones: readonly Tombstone[];
  readonly lifts: readonly { readonly workload: string; readonly bundle: string }[];
  readonly ends: readonly (readonly [session: string, end: SessionEnd])[];
  /** Workloads. */
  readonly endedRuns: readonly string[];
}

/** The record has the broker's clock, the ledger the backend's: one and the same revocation has two instants. */
const sameMs = 60_000;
const atOnce = 64;

/** Some side by side, so that a store that many calls share a commit of is not asked for one each. */
async function each<T>(items: readonly T[], task: (item: T) => Promise<void>): Promise<void> {
  for (let first = 0; first < items.length; first += atOnce)
    await Promise.all(items.slice(first, first + atOnce).map(task));
}

/** After a crash a few are asked about, after a restore a day's: then it is cheaper to list those that the ledger holds for live. */
const askedOneByOne = 500;

/** Those of the given sessions that the ledger has, and holds for live. */
async function heldOf(ledger: Ledger, asked: readonly string[]): Promise<ReadonlySet<string>> {
  if (asked.length > askedOneByOne) return listHeld(ledger);
  const found = await Promise.all(asked.map((id) => ledger.findSession(id)));
  return new Set(
    found.flatMap((session) =>
      session !== undefined && heldStates.includes(session.state) ? [session.id] : [],
    ),
  );
}

async function listHeld(ledger: Ledger): Promise<ReadonlySet<string>> {
  const held = new Set<string>();
  for await (const page of everySession(ledger, { states: heldStates }))
    for (const { id } of page) held.add(id);
  return held;
}

/** Nothing of it is lacking in a ledger that was only left by a crash. */
export async function lackingOf(ledger: Ledger, told: ToldSince): Promise<Lacking> {
  const known = new Set((await ledger.listLocks()).map(({ id }) => id));
  const tombstones: Tombstone[] = [];
  const lifts: { workload: string; bundle: string }[] = [];
  await each(told.holds, async (word) => {
    if (word.kind === 'tombstone') {
      if (await lacksTombstone(ledger, word.tombstone)) tombstones.push(word.tombstone);
    } else if (await mayLift(ledger, word)) lifts.push({ workload: word.workload, bundle: word.bundle });
  });
  const endedRuns: string[] = [];
  await each([...told.endedRuns], async (workload) => {
    const run = await ledger.findRun(workload);
    if (run !== undefined && run.state !== 'ended') endedRuns.push(workload);
  });
  const held = await heldOf(ledger, [...told.ends.keys()]);
  return {
    locks: told.locks.filter(({ id }) => !known.has(id)),
    removedLocks: [...told.removedLocks].filter((id) => known.has(id)),
    tombstones,
    lifts,
    ends: [...told.ends].filter(([session]) => held.has(session)),
    endedRuns,
  };
}

async function lacksTombstone(ledger: Ledger, tombstone: Tombstone): Promise<boolean> {
  const there = await ledger.findTombstone(tombstone.workload, tombstone.bundle);
  // A younger one takes the place of an older: another broker may know of a lift in between.
  return there === undefined || there.createdAt < tombstone.createdAt - sameMs;
}

/** What was revoked after the lift, as another broker's records or people have it meanwhile, stays revoked. */
async function mayLift(
  ledger: Ledger,
  { workload, bundle, at }: Extract<HoldWord, { kind: 'lift' }>,
): Promise<boolean> {
  const there = await ledger.findTombstone(workload, bundle);
  return there !== undefined && there.createdAt <= at;
}

export function countOf(lacking: Lacking): number {
  const { locks, removedLocks, tombstones, lifts, ends, endedRuns } = lacking;
  return [locks, removedLocks, tombstones, lifts, ends, endedRuns].reduce(
    (sum, { length }) => sum + length,
    0,
  );
}

/** In words, for a record and the log. */
export function describeLacking(lacking: Lacking): string {
  const { locks, removedLocks, tombstones, lifts, ends, endedRuns } = lacking;
  return (
    `locks added ${locks.length}, locks removed ${removedLocks.length}, tombstones added ${tombstones.length}, ` +
    `tombstones lifted ${lifts.length}, sessions ended ${ends.length}, runs ended ${endedRuns.length}`
  );
}

/**
 * Refusing first, allowing last: who is killed in between has refused too much. What is done already does no harm a second time. The rest of a
 * revocation is its work items', as ever.
 */
export async function catchUp(options: {
  readonly ledger: Ledger;
  readonly lacking: Lacking;
  /** By the backend's clock, which due work is measured by. */
  readonly at: number;
  readonly log: Log;
}): Promise<void> {
  const { ledger, lacking, at, log } = options;
  if (countOf(lacking) > 0) {
    // Nodes that came since the copy would be missed, and jobs that are well cancelled for it.
    await ledger.stopAwaiting();
  }
  for (const lock of lacking.locks) {
    await ledger.addLock(lock);
    log.warn('a lock is in force again', { lock: lock.id, by: lock.by });
  }
  await each(lacking.tombstones, async (tombstone) => {
    await ledger.addTombstone(tombstone);
    const { workload, bundle, by } = tombstone;
    log.warn('what was revoked may not come back, again', { workload, bundle, by });
  });
  await each(lacking.ends, async ([session, end]) => {
    await ledger.beginRevoke({ session, end, tombstone: false, at });
    log.warn('a session that had ended ends again', { session, reason: end.reason });
  });
  await each(lacking.endedRuns, async (workload) => {
    await ledger.endRun({ workload, at });
    log.warn('a run that had ended is over again', { workload });
  });
  for (const { workload, bundle } of lacking.lifts) {
    await ledger.liftTombstone(workload, bundle);
    log.warn('a tombstone that had been lifted is gone again', { workload, bundle });
  }
  for (const lock of lacking.removedLocks) {
    await ledger.removeLock(lock);
    log.warn('a lock that had been removed is gone again', { lock });
  }
}
