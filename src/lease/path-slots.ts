import type { Clock } from '../platform/clock.ts';

/**
 * Keeps one engine from taking every slot: at one path only half of them are used at a time, a quarter where requests hang, and never more than three
 * quarters are busy with it in any way. Renewals and revocations are counted apart.
 */
export interface PathSlots {
  /**
   * Of revocations. Resolves when there is room, after two seconds at the latest, and where as many as may be are busy with the path, after a moment:
   * so that a slot that gets free is taken at once, while the slots that are left look through a queue of thousands for work at other paths, without
   * haste.
   */
  line(path: string): Promise<void>;
  /**
   * How long to wait before the next try, milliseconds; undefined when there is room. Revocations that are sent away come back one after the other, at
   * the pace of the path: thousands that all came again in a second would keep the ledger busy and everybody at other paths waiting.
   */
  pause(kind: PathWork, path: string): number | undefined;
  enter(kind: PathWork, path: string): PathSlot;
}

export interface PathSlot {
  /** The engine is done with it; what is left is between us and the ledger. */
  readonly served: () => void;
  /** Gives all of it back. Once more does nothing, as with `served`. */
  readonly leave: () => void;
}

export type PathWork = 'renew' | 'revoke';

/** From when on a request counts as hanging. */
const slowMs = 3_000;
const slowPauseMs = 5_000;
const busyPauseMs = 500;
/** Who was sent away may be alone with the path after that, for another broker has gone or others have settled what was before it. */
const longestPauseMs = 60_000;
const longestInLineMs = 2_000;
/** How long one that finds its path crowded keeps its slot. */
const lookMs = 25;
/** With nobody in line, those who were sent away for longer than this are wanted back, as many as are served in this time. */
const slackMs = 1_000;
/** Those who were sent away come back in a little less than the time that the path takes for them, so that it is never idle for want of them. */
const eager = 0.8;
/** Weight of the newest in the mean time of the requests of a path. */
const newest = 0.1;

/** One kind of work at one path. As many as there are paths. */
interface Lane {
  readonly serving: Set<{ readonly at: number }>;
  /** Served, and not yet given back. */
  settling: number;
  /** Each ends a wait, in the order in which they came. */
  readonly line: Set<() => void>;
  /** Mean time of a request, milliseconds. */
  meanMs: number;
  /** When the last one that was sent away comes again, monotonic milliseconds. */
  bookedUntil: number;
}

export function createPathSlots(options: {
  readonly clock: Clock;
  /** Of each kind of work. */
  readonly slots: number;
  readonly random: () => number;
  /** The path serves faster than it did: so many revocations that were sent away may come earlier. */
  readonly onSlack: (path: string, count: number) => void;
}): PathSlots {
  const { clock, slots, random } = options;
  const width = Math.ceil(slots / 2);
  const few = Math.ceil(slots / 4);
  const lanes = new Map<string, Lane>();
  const laneOf = (kind: PathWork, path: string): Lane => {
    const key = `${kind}\n${path}`;
    const found = lanes.get(key) ?? {
      serving: new Set(),
      settling: 0,
      line: new Set(),
      meanMs: busyPauseMs,
      bookedUntil: 0,
    };
    lanes.set(key, found);
    return found;
  };
  const isFull = ({ serving }: Lane) => serving.size >= width;
  const isCrowded = ({ serving, settling, line }: Lane) =>
    serving.size + settling + line.size >= Math.max(width, slots - few);
  const hangs = ({ serving }: Lane) => {
    let slow = 0;
    for (const { at } of serving) if (clock.monotonic() - at >= slowMs) slow += 1;
    return slow >= few;
  };
  const msForEach = ({ meanMs }: Lane) => Math.max(1, meanMs) / width;

  /** The end of the queue of those who were sent away. */
  const book = (lane: Lane): number => {
    const now = clock.monotonic();
    const next = Math.max(now + busyPauseMs, lane.bookedUntil) + eager * msForEach(lane);
    lane.bookedUntil = Math.min(next, now + longestPauseMs);
    return lane.bookedUntil - now;
  };
  const wait = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve));
  /** Until there is room, in the order of those who came. */
  const standIn = async ({ line }: Lane): Promise<void> => {
    const turn = Promise.withResolvers<undefined>();
    const go = () => {
      line.delete(go);
      turn.resolve(undefined);
    };
    const cancel = clock.after(longestInLineMs, go);
    line.add(go);
    await turn.promise;
    cancel();
  };

  return {
    line: async (path) => {
      const lane = laneOf('revoke', path);
      if (hangs(lane)) return;
      if (isCrowded(lane)) await wait(lookMs);
      else if (isFull(lane)) await standIn(lane);
    },
    pause: (kind, path) => {
      const lane = laneOf(kind, path);
      if (hangs(lane)) return slowPauseMs * (1 + random());
      if (!isFull(lane) && !isCrowded(lane)) return undefined;
      return kind === 'revoke' ? book(lane) : busyPauseMs * (1 + random());
    },
    enter: (kind, path) => {
      const lane = laneOf(kind, path);
      const own = { at: clock.monotonic() };
      lane.serving.add(own);
      let isLeft = false;
      const served = () => {
        if (!lane.serving.delete(own)) return;
        lane.settling += 1;
        lane.meanMs += newest * (clock.monotonic() - own.at - lane.meanMs);
        const [next] = lane.line;
        if (next !== undefined) next();
        else if (kind === 'revoke' && lane.bookedUntil > clock.monotonic() + slackMs)
          options.onSlack(path, Math.ceil(slackMs / msForEach(lane)));
      };
      return {
        served,
        leave: () => {
          served();
          if (!isLeft) lane.settling -= 1;
          isLeft = true;
        },
      };
    },
  };
}
