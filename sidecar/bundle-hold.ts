import type { Clock } from '../src/platform/clock.ts';
import { hasCode, LeaseholdError } from '../src/platform/error.ts';
import type { Log } from '../src/platform/log.ts';
import type {
  GenerationEvent,
  HoldCommand,
  HoldEvent,
  OpenedEvent,
} from '../src/rpc/client/hold-messages.ts';
import { createBackoff } from './backoff.ts';
import type { BundleConfig } from './config.ts';
import type { Counters } from './counters.ts';
import type { Deliverer } from './deliver/deliverer.ts';
import { createOutage } from './outage.ts';
import { createPace, meaningOfRefusal, paceAfterRevoke } from './pace.ts';
import { tellProgram } from './tell.ts';

/** The stream a bundle speaks through while it is attached. */
export interface BundleStream {
  send(command: HoldCommand): void;
  /** The broker does not answer: the stream is to be ended and dialled again. */
  fail(error: LeaseholdError): void;
}

/** Events that concern one bundle; the stream's own are handled where the stream is. */
export type BundleEvent = Exclude<HoldEvent, { kind: 'welcome' | 'credential_wanted' | 'redirect' }>;

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
  detach(): void;
  /** True when events with this session id are for this bundle. */
  owns(session: string): boolean;
  onEvent(event: BundleEvent): void;
  /** Asks once more after a pause, on whatever stream it is attached to then. */
  askAgain(): void;
  /** Files in place and not expired by an outage. */
  isReady(): boolean;
  /** Removes the files and gives the session up. */
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
  /** This bundle cannot be served in the way it was asked for; only with `staticOnly`. */
  readonly onImpossible: (error: LeaseholdError) => void;
}

interface Standing {
  readonly session: string;
  readonly generation: string;
  readonly number: number;
}

const answerTimeoutMs = 90_000;

export function createBundleHold(options: BundleHoldOptions): BundleHold {
  const { clock, random, counters, deliverer, config, onChange } = options;
  const log = options.log.child({ bundle: config.name });
  const closed = new AbortController();
  const retry = createBackoff({ firstMs: 1_000, capMs: 30_000, random });
  const pace = createPace(random);
  const sessions = new Set<string>();

  let stream: BundleStream | undefined;
  let opened: OpenedEvent | undefined;
  let standing: Standing | undefined;
  let isTold = true;
  let requestKey: string | undefined;
  let newest: GenerationEvent | undefined;
  let telling = new AbortController();
  let cancelAnswer: () => void = () => undefined;
  let cancelAsk: () => void = () => undefined;
  let queue: Promise<void> = Promise.resolve();

  const outage = createOutage({
    clock,
    policy: { mode: 'keep', afterSeconds: 0 },
    onExpired: (mode) => {
      log.warn('the outage has lasted longer than the bundle allows', { mode });
      if (mode === 'wipe') enqueue(() => removeFiles('outage'));
      onChange();
    },
  });

  /** One thing at a time, in the order it came: a delivery is never overtaken by a wipe or another delivery. */
  function enqueue(work: () => Promise<void>): void {
    queue = queue.then(work).catch((error: unknown) => {
      if (!hasCode(error, 'cancelled')) log.error('the hold on a bundle failed unexpectedly', {}, error);
    });
  }

  function ask(): void {
    cancelAsk();
    if (stream === undefined) return;
    requestKey ??= options.newRequestKey();
    const { session, generation } = standing ?? { session: '', generation: '' };
    const resume = standing === undefined ? undefined : { session, generation };
    stream.send({ kind: 'open', bundle: config.name, requestKey, resume });
    awaitAnswer();
  }

  function awaitAnswer(): void {
    cancelAnswer();
    cancelAnswer = clock.after(answerTimeoutMs, () => {
      stream?.fail(
        new LeaseholdError('deadline_exceeded', { detail: 'a bundle that was asked for did not come' }),
      );
    });
  }

  function askAfter(ms: number): void {
    cancelAnswer();
    cancelAsk();
    cancelAsk = clock.after(ms, () => enqueue(async () => ask()));
  }

  async function removeFiles(reason: string): Promise<void> {
    for (;;) {
      try {
        await deliverer.wipe();
        break;
      } catch (error) {
        counters.add('delivery_failures_total');
        log.error('the files could not be removed; trying again', { reason }, error);
        await clock.sleep(500 + retry.next(), closed.signal);
      }
    }
    retry.reset();
    if (standing === undefined) return;
    counters.add('wipes_total');
    log.info('the files of the bundle are removed', { reason, session: standing.session });
    stream?.send({ kind: 'wiped', session: standing.session });
    // After an outage the session goes on, and the broker still speaks of it.
    if (opened?.session !== standing.session) sessions.delete(standing.session);
    standing = undefined;
    // What comes next is a new wish, with nothing to resume.
    requestKey = undefined;
    onChange();
  }

  async function deliver(event: GenerationEvent): Promise<void> {
    // A revoke, a newer generation or the end of the stream has made it void while it waited.
    if (newest !== event || opened?.session !== event.session) return;
    cancelAnswer();
    if (standing === undefined && event.secrets.some((secret) => secret.fields === undefined)) {
      log.warn('a generation builds on values that are gone; asking for a whole one');
      requestKey = undefined;
      askAfter(pace.soon());
      return;
    }
    try {
      const result = await deliverer.deliver({
        session: event.session,
        requestKey: requestKey ?? '',
        generation: event.generation,
        leased: opened.leased,
        outage: opened.outage,
        files: config.files ?? event.files,
        secrets: event.secrets,
      });
      const { id: generation, number } = event.generation;
      const before = standing?.session;
      standing = { session: event.session, generation, number };
      if (before !== undefined && before !== event.session) stream?.send({ kind: 'wiped', session: before });
      isTold = !result.changed;
      counters.add(result.changed ? 'generations_delivered_total' : 'generations_unchanged_total');
      const facts = { number, generation, session: event.session };
      log.info(result.changed ? 'a generation is visible' : 'a generation changed nothing', facts);
      if (result.ownerKept.length > 0) {
        log.warn('this process may not give some files to their owner', { files: result.ownerKept });
      }
      if (!result.swept) log.warn('the generation before could not be removed yet');
    } catch (error) {
      counters.add('delivery_failures_total');
      log.error('a generation could not be delivered; the one before stays', {}, error);
      cancelAsk();
      cancelAsk = clock.after(500 + retry.next(), () => enqueue(() => deliver(event)));
      return;
    }
    retry.reset();
    pace.reset();
    // The stream may have ended while the files were being written, and an outage begun.
    if (stream !== undefined) outage.end();
    onChange();
    await acknowledge();
  }

  async function acknowledge(): Promise<void> {
    if (standing === undefined) return;
    const { session, generation, number } = standing;
    if (!isTold) {
      telling = new AbortController();
      const signal = AbortSignal.any([closed.signal, telling.signal]);
      isTold = await tellProgram({ config, number, clock, backoff: retry, counters, log, signal });
      if (!isTold) return;
    }
    stream?.send({ kind: 'delivered', session, generation });
    options.onDelivered();
  }

  async function onOpened(event: OpenedEvent): Promise<void> {
    if (options.staticOnly && event.leased) {
      stream?.send({ kind: 'release', session: event.session });
      const detail = `bundle ${config.name} has leases, which end when nobody holds them: run without --once`;
      options.onImpossible(new LeaseholdError('request_invalid', { detail }));
      return;
    }
    opened = event;
    outage.setPolicy(event.outage);
    if (!event.resumed) {
      awaitAnswer();
      return;
    }
    cancelAnswer();
    pace.reset();
    outage.end();
    onChange();
    // The acknowledgement may have been lost with the stream before; saying it twice is harmless.
    await acknowledge();
  }

  async function onRefused(event: Extract<BundleEvent, { kind: 'refused' }>): Promise<void> {
    counters.add('refusals_total');
    const meaning = meaningOfRefusal(event.code);
    const afterMs = pace[meaning.pace](event.retryAfterMs);
    log.warn('the bundle was refused', { code: event.code, retryInMs: Math.round(afterMs) });
    if (meaning.removesFiles) await removeFiles(event.code);
    else outage.begin();
    askAfter(afterMs);
    if (options.staticOnly && meaning.pace === 'slow') options.onImpossible(new LeaseholdError(event.code));
  }

  async function onRevoked(event: Extract<BundleEvent, { kind: 'revoked' }>): Promise<void> {
    const { session, reason } = event;
    log.warn('a session was revoked', { session, reason });
    if (standing?.session === session) await removeFiles(`revoked_${reason}`);
    // Its files have been replaced by a successor's, or have never come: there is nothing of it left either.
    else stream?.send({ kind: 'wiped', session });
    sessions.delete(session);
    if (opened !== undefined && opened.session !== session) return;
    opened = undefined;
    requestKey = undefined;
    askAfter(pace[paceAfterRevoke(reason, event.mayReopen)]());
  }

  /** What must not wait for its turn: from here on nothing of this session is written and nobody is told of it. */
  function stopDelivering(session: string | undefined): void {
    if (session === undefined || newest?.session === session) newest = undefined;
    telling.abort();
  }

  return {
    name: config.name,
    recover: async () => {
      const kept = await deliverer.recover();
      if (kept === undefined) return;
      const { session, generation } = kept;
      standing = { session, generation: generation.id, number: generation.number };
      sessions.add(session);
      requestKey = kept.requestKey === '' ? undefined : kept.requestKey;
      // Whether the process before came to tell the program is not known; where it matters it is told again.
      isTold = !config.requireAck;
      outage.setPolicy(kept.outage);
      outage.begin();
      log.info('files of an earlier process are in place', { session });
      onChange();
    },
    attach: (attached) => {
      stream = attached;
      enqueue(async () => {
        if (stream === attached) ask();
      });
    },
    detach: () => {
      stream = undefined;
      opened = undefined;
      stopDelivering(undefined);
      cancelAnswer();
      cancelAsk();
      outage.begin();
    },
    owns: (session) => sessions.has(session),
    onEvent: (event) => {
      const through = stream;
      const inTurn = (work: () => Promise<void>) =>
        enqueue(async () => {
          if (stream === through) await work();
        });
      switch (event.kind) {
        case 'opened':
          sessions.add(event.session);
          {
            inTurn(() => onOpened(event));
            return;
          }
        case 'generation':
          stopDelivering(undefined);
          newest = event;
          {
            inTurn(() => deliver(event));
            return;
          }
        case 'refused': {
          inTurn(() => onRefused(event));
          return;
        }
        case 'revoked':
          stopDelivering(event.session);
          {
            inTurn(() => onRevoked(event));
            return;
          }
        case 'degraded':
          log.warn('the broker reports trouble', { code: event.code });
          {
            outage.begin();
            return;
          }
        case 'recovered':
          log.info('the broker reports that the trouble is over');
          outage.end();
          onChange();
          {
            inTurn(async () => {
              if (standing === undefined) ask();
            });
            return;
          }
      }
    },
    askAgain: () => askAfter(pace.soon()),
    isReady: () => standing !== undefined && !outage.isExpired(),
    giveUp: () => {
      stopDelivering(undefined);
      cancelAsk();
      cancelAnswer();
      enqueue(async () => {
        const held = new Set([standing?.session, opened?.session].filter((id) => id !== undefined));
        await removeFiles('exit');
        for (const session of held) stream?.send({ kind: 'release', session });
      });
      return queue;
    },
    [Symbol.asyncDispose]: () => {
      closed.abort();
      telling.abort();
      cancelAnswer();
      cancelAsk();
      outage.close();
      return queue;
    },
  };
}
