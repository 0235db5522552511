import type { Clock } from '../src/platform/clock.ts';
import { type ErrorCode, hasCode, LeaseholdError } from '../src/platform/error.ts';
import type { Log } from '../src/platform/log.ts';
import type { GenerationEvent, OpenedEvent, RevokedReason } from '../src/rpc/client/hold-messages.ts';
import { createBundleFiles } from './bundle-files.ts';
import type { BundleEvent, BundleStream } from './bundle-stream.ts';
import { createBundleWait } from './bundle-wait.ts';
import type { BundleConfig } from './config.ts';
import type { Counters } from './counters.ts';
import type { Deliverer } from './deliver/deliverer.ts';
import { createNewest } from './newest.ts';
import { createOutage } from './outage.ts';
import { createPace, meaningOfRefusal, paceAfterRevoke } from './pace.ts';

/**
 * The hold on one bundle.
 *
 * States: empty (no files) or standing (files in place); each of them detached, or attached and then asked (open sent),
 * held (opened), or paused (refused or revoked; asks again later).
 * Files appear by a delivery, and go by a revoke, by a refusal that says so, by an outage that the bundle does not
 * outlast, or by `giveUp`. A second `opened` is a successor: the files are the old session's until its first generation.
 */
export interface BundleHold extends AsyncDisposable {
  readonly name: string;
  /** Takes up what an earlier process left. Once, before anything else. */
  recover(): Promise<void>;
  attach(stream: BundleStream): void;
  /** `wasExpected`: not for any trouble; a stream is opened anew, and has some seconds for that before the outage policy counts. */
  detach(wasExpected: boolean): void;
  /** True when events with this session id are for this bundle. */
  owns(session: string): boolean;
  onEvent(event: BundleEvent): void;
  /** The broker's word, with the end of a stream, that the workload is no more: the files go. */
  workloadGone(code: ErrorCode): void;
  /** Asks once more after a pause, on whatever stream it is attached to then; a short one where the broker is to learn something by being asked. */
  askAgain(pause: 'short' | 'usual'): void;
  /** Files in place and not expired by an outage. */
  isReady(): boolean;
  /** Sessions whose files may be in place, or that the broker has just opened. */
  sessions(): readonly string[];
  /** Removes the files and gives the session up, for good. */
  giveUp(): Promise<void>;
}

export interface BundleHoldOptions {
  readonly config: BundleConfig;
  readonly deliverer: Deliverer;
  readonly clock: Clock;
  /** 0 up to but not including 1. */
  readonly random: () => number;
  readonly newRequestKey: () => string;
  readonly log: Log;
  readonly counters: Counters;
  /** Refuses bundles with leases: nobody will be there to hold them. */
  readonly staticOnly: boolean;
  /** After every possible change of `isReady`. */
  readonly onChange: () => void;
  /** A generation is visible and acknowledged. */
  readonly onDelivered: () => void;
  /** A generation that came could not be written; it is tried again. */
  readonly onUndelivered?: (code: ErrorCode) => void;
  /** Refused; `isDecided` when nothing that a holder can do changes it. */
  readonly onRefused?: (code: ErrorCode, isDecided: boolean) => void;
  /** The broker took a session away; its files are gone. */
  readonly onRevoked?: (reason: RevokedReason) => void;
  /** This bundle cannot be served in the way it was asked for; only with `staticOnly`. */
  readonly onImpossible: (error: LeaseholdError) => void;
}

const shortPauseMs = 500;
/** From broker to broker, with pauses, and one in between of which nothing is heard until its time to connect is over. */
const reopenMs = 15_000;

export function createBundleHold(options: BundleHoldOptions): BundleHold {
  const { clock, random, counters, config, onChange } = options;
  const log = options.log.child({ bundle: config.name });
  const files = createBundleFiles({ ...options, log });
  const pace = createPace(random);
  const closed = new AbortController();
  const newest = createNewest(closed.signal);
  const wait = createBundleWait({
    clock,
    onSilence: () => {
      const detail = 'a bundle that was asked for did not come';
      stream?.fail(new LeaseholdError('deadline_exceeded', { detail }));
    },
  });
  /** Session ids that the broker may speak of; known as soon as a message arrives, before its turn comes. */
  const sessions = new Set<string>();

  let stream: BundleStream | undefined;
  let opened: OpenedEvent | undefined;
  let requestKey: string | undefined;
  let queue: Promise<void> = Promise.resolve();
  /** Given up for good: whatever a stream brings from now on, no file appears. */
  let isOver = false;
  /** Given up, and its files are gone: what holds its folder may be gone by now, too, and another removal would make that anew. */
  let isEmptied = false;

  const outage = createOutage({
    clock,
    policy: { mode: 'keep', afterSeconds: 0 },
    onExpired: (mode) => {
      log.warn('the outage has lasted longer than the bundle allows', { mode });
      if (mode === 'wipe') {
        newest.makeVoid();
        enqueue(() => removeFiles('outage'));
      }
      onChange();
    },
  });

  /** One thing at a time, in the order it came: a delivery is never overtaken by a wipe or another delivery. */
  function enqueue(work: () => Promise<void>): void {
    queue = queue.then(work).catch((error: unknown) => {
      if (!hasCode(error, 'cancelled')) log.error('the hold on a bundle failed unexpectedly', {}, error);
    });
  }

  const held = () => [
    ...new Set([files.standing()?.session, opened?.session].filter((id) => id !== undefined)),
  ];

  function ask(): void {
    wait.nothing();
    if (stream === undefined || isOver) return;
    requestKey ??= options.newRequestKey();
    const standing = files.standing();
    const resume = standing && { session: standing.session, generation: standing.generation };
    stream.send({ kind: 'open', bundle: config.name, requestKey, resume });
    wait.answer();
  }

  const next = (ms: number, work: () => Promise<void>) => wait.next(ms, () => enqueue(work));
  const askAfter = (ms: number) => next(ms, async () => ask());

  async function removeFiles(reason: string): Promise<void> {
    if (isEmptied) return;
    const session = await files.remove(reason, closed.signal);
    // What comes next is a new wish, with nothing to resume.
    requestKey = undefined;
    if (session === undefined) return;
    stream?.send({ kind: 'wiped', session });
    // After an outage the session goes on, and the broker still speaks of it.
    if (opened?.session !== session) sessions.delete(session);
    onChange();
  }

  async function deliver(event: GenerationEvent, signal: AbortSignal): Promise<void> {
    if (signal.aborted || isOver || opened?.session !== event.session) return;
    wait.answered();
    const before = files.standing()?.session;
    const { leased, outage: policy } = opened;
    const outcome = await files.put(event, { requestKey: requestKey ?? '', leased, outage: policy });
    if (outcome === 'incomplete') {
      log.warn('a generation builds on values that are gone; asking for a whole one');
      requestKey = undefined;
      onChange();
      askAfter(pace.soon());
      return;
    }
    if (outcome !== 'done') {
      next(files.retryMs(), () => deliver(event, signal));
      options.onUndelivered?.(outcome);
      return;
    }
    if (before !== undefined && before !== event.session) stream?.send({ kind: 'wiped', session: before });
    pace.reset();
    // The stream may have ended while the files were being written, and an outage begun.
    if (stream !== undefined) outage.end();
    onChange();
    await acknowledge(signal);
  }

  async function acknowledge(signal: AbortSignal): Promise<void> {
    if (!(await files.tell(signal))) return;
    const standing = files.standing();
    if (standing === undefined) return;
    stream?.send({ kind: 'delivered', session: standing.session, generation: standing.generation });
    options.onDelivered();
  }

  async function onOpened(event: OpenedEvent, signal: AbortSignal): Promise<void> {
    if (isOver) {
      stream?.send({ kind: 'release', session: event.session });
      return;
    }
    if (options.staticOnly && event.leased) {
      stream?.send({ kind: 'release', session: event.session });
      const detail = `bundle ${config.name} has leases, which end when nobody holds them: run without --once`;
      options.onImpossible(new LeaseholdError('request_invalid', { detail }));
      return;
    }
    opened = event;
    outage.setPolicy(event.outage);
    if (!event.resumed) {
      wait.answer();
      return;
    }
    wait.answered();
    pace.reset();
    outage.end();
    onChange();
    // The acknowledgement may have been lost with the stream before; saying it twice is harmless.
    await acknowledge(signal);
  }

  async function onRefused(event: Extract<BundleEvent, { kind: 'refused' }>): Promise<void> {
    counters.add('refusals_total');
    const meaning = meaningOfRefusal(event.code);
    const afterMs = pace[meaning.pace](event.retryAfterMs);
    log.warn('the bundle was refused', { code: event.code, retryInMs: Math.round(afterMs) });
    if (meaning.removesFiles) await removeFiles(event.code);
    else outage.begin();
    askAfter(afterMs);
    options.onRefused?.(event.code, meaning.pace === 'slow');
    if (options.staticOnly && meaning.pace === 'slow') options.onImpossible(new LeaseholdError(event.code));
  }

  async function onRevoked(event: Extract<BundleEvent, { kind: 'revoked' }>): Promise<void> {
    const { session, reason } = event;
    log.warn('a session was revoked', { session, reason });
    if (files.standing()?.session === session) await removeFiles(`revoked_${reason}`);
    // Its files have been replaced by a successor's, or have never come: there is nothing of it left either.
    else stream?.send({ kind: 'wiped', session });
    sessions.delete(session);
    if (opened !== undefined && opened.session !== session) return;
    opened = undefined;
    requestKey = undefined;
    options.onRevoked?.(reason);
    askAfter(pace[paceAfterRevoke(reason, event.mayReopen)]());
  }

  return {
    name: config.name,
    recover: async () => {
      const kept = await files.recover();
      if (kept === undefined) return;
      sessions.add(kept.session);
      requestKey = kept.requestKey === '' ? undefined : kept.requestKey;
      outage.setPolicy(kept.outage);
      outage.begin();
      onChange();
    },
    attach: (attached) => {
      stream = attached;
      enqueue(async () => {
        if (stream === attached) ask();
      });
    },
    detach: (wasExpected) => {
      stream = undefined;
      opened = undefined;
      newest.makeVoid();
      wait.answered();
      wait.nothing();
      outage.begin(wasExpected ? reopenMs : 0);
    },
    owns: (session) => sessions.has(session),
    onEvent: (event) => {
      const through = stream;
      const inTurn = (work: () => Promise<void>) =>
        enqueue(async () => {
          if (stream === through) await work();
        });
      switch (event.kind) {
        case 'opened': {
          sessions.add(event.session);
          const signal = newest.begin(event.session);
          inTurn(() => onOpened(event, signal));
          break;
        }
        case 'generation': {
          const signal = newest.begin(event.session);
          inTurn(() => deliver(event, signal));
          break;
        }
        case 'refused':
          inTurn(() => onRefused(event));
          break;
        case 'revoked':
          // From here on nothing of this session is written and nobody is told of it.
          newest.makeVoid(event.session);
          inTurn(() => onRevoked(event));
          break;
        case 'degraded':
          log.warn('the broker reports trouble', { code: event.code });
          outage.begin();
          break;
        case 'recovered':
          log.info('the broker reports that the trouble is over');
          outage.end();
          onChange();
          inTurn(async () => {
            if (files.standing() === undefined) ask();
          });
      }
    },
    workloadGone: (code) => {
      newest.makeVoid();
      enqueue(() => removeFiles(code));
      if (options.staticOnly) options.onImpossible(new LeaseholdError(code));
    },
    askAgain: (pause) => askAfter(pause === 'short' ? random() * shortPauseMs : pace.soon()),
    isReady: () => files.standing() !== undefined && !outage.isExpired(),
    sessions: () => held(),
    giveUp: () => {
      isOver = true;
      newest.makeVoid();
      wait.nothing();
      wait.answered();
      enqueue(async () => {
        const given = held();
        await removeFiles('exit');
        isEmptied = true;
        for (const session of given) stream?.send({ kind: 'release', session });
      });
      return queue;
    },
    [Symbol.asyncDispose]: () => {
      closed.abort();
      wait.answered();
      wait.nothing();
      outage.close();
      return queue;
    },
  };
}
