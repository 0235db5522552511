import type { Clock } from '../platform/clock.ts';

/**
 * Keeps one engine from taking every slot: at one path only half of them are used at a time, and a quarter where requests hang. Renewals and
 * revocations are counted apart.
 */
export interface PathSlots {
  /**
   * Of revocations. Resolves when there is room, after two seconds at the latest, and at once where more wait already than half a second will serve,
   * or requests hang: so that a slot that gets free is taken in the same moment, and nobody at another path waits long for this one.
   */
  line(path: string): Promise<void>;
  /**
   * How long to wait before the next try, milliseconds; undefined when there is room. Revocations that are sent away come back one after the other, at
   * the pace of the path: thousands that all came again in a second would keep the ledger busy and everybody at other paths waiting.
   */
  pause(kind: PathWork, path: string): number | undefined;
  /** The returned function gives the slot back; once more does nothing. */
  enter(kind: PathWork, path: string): () => void;
}

export type PathWork = 'renew' | 'revoke';

/** From when on a request counts as hanging. */
const slowMs = 3_000;
const slowPauseMs = 5_000;
const busyPauseMs = 500;
const longestInLineMs = 2_000;
/** With nobody in line, those who were sent away for longer than this are wanted back. */
const slackMs = 1_000;
/** Those who were sent away come back in a little less than the time that the path takes for them, so that it is never idle for want of them. */
const eager = 0.8;
/** Weight of the newest in the mean time of the requests of a path. */
const newest = 0.1;

/** One kind of work at one path. As many as there are paths. */
interface Lane {
  readonly entered: Set<{ readonly at: number }>;
  readonly line: (() => void)[];
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
  /** The path serves faster than it did: revocations that were sent away may come earlier. */
  readonly onSlack: (path: string) => void;
}): PathSlots {
  const { clock, slots, random } = options;
  const width = Math.ceil(slots / 2);
  const few = Math.ceil(slots / 4);
  const lanes = new Map<string, Lane>();
  const laneOf = (kind: PathWork, path: string): Lane => {
    const key = `${kind}\n${path}`;
    const found = lanes.get(key) ?? { entered: new Set(), line: [], meanMs: slowMs / 3, bookedUntil: 0 };
    lanes.set(key, found);
    return found;
  };
  const isFull = ({ entered }: Lane) => entered.size >= width;
  const hangs = ({ entered }: Lane) => {
    let slow = 0;
    for (const { at } of entered) if (clock.monotonic() - at >= slowMs) slow += 1;
    return slow >= few;
  };
  const msForEach = ({ meanMs }: Lane) => Math.max(1, meanMs) / width;

  /** The end of the queue of those who were sent away. */
  const book = (lane: Lane): number => {
    const now = clock.monotonic();
    const at = Math.max(now + busyPauseMs, lane.bookedUntil) + eager * msForEach(lane);
    lane.bookedUntil = at;
    return at - now;
  };
  const wantBack = (path: string, lane: Lane) => {
    const now = clock.monotonic();
    if (lane.bookedUntil <= now + slackMs) return;
    lane.bookedUntil = now;
    options.onSlack(path);
  };

  return {
    line: async (path) => {
      const lane = laneOf('revoke', path);
      const { line } = lane;
      const longest = Math.max(few, busyPauseMs / msForEach(lane));
      if (!isFull(lane) || hangs(lane) || line.length >= longest) return;
      await new Promise<void>((resolve) => {
        const go = () => {
          cancel();
          line.splice(line.indexOf(go), 1);
          resolve();
        };
        const cancel = clock.after(longestInLineMs, go);
        line.push(go);
      });
    },
    pause: (kind, path) => {
      const lane = laneOf(kind, path);
      if (hangs(lane)) return slowPauseMs * (1 + random());
      if (!isFull(lane)) return undefined;
      return kind === 'revoke' ? book(lane) : busyPauseMs * (1 + random());
    },
    enter: (kind, path) => {
      const lane = laneOf(kind, path);
      const own = { at: clock.monotonic() };
      lane.entered.add(own);
      return () => {
        if (!lane.entered.delete(own)) return;
        lane.meanMs += newest * (clock.monotonic() - own.at - lane.meanMs);
        const [next] = lane.line;
        if (next !== undefined) next();
        else if (kind === 'revoke') wantBack(path, lane);
      };
    },
  };
}
