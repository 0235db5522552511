import { type ErrorCode, LeaseholdError } from '../../src/platform/error.ts';
import type { HoldCommand } from '../../src/rpc/client/hold-messages.ts';
import { createHoldLoop } from '../hold.ts';
import type { Welcome } from '../link.ts';
import type { RunSubject } from './seen-job.ts';
import { askWhetherOver } from './ask-whether-over.ts';
import { createFarewell } from './farewell.ts';
import { failedFor, markerOf, type Outcome, reasons } from './marker.ts';
import type { NodeRunOptions } from './node-run-options.ts';
import { createRunBundles } from './run-bundles.ts';
import type { RunRecord } from './run-record.ts';
import { referenceOf } from './run-reference.ts';
import { createSayUndelivered } from './say-undelivered.ts';
import { meaningOfEnd } from './stream-end.ts';
import { recordOf, welcomedRun } from './welcomed-run.ts';

/**
 * One run on this node.
 *
 * States: asking (no welcome yet) → opening (bundles known, files on their way) → served (all delivered, or nothing granted), or failed; from each of them
 * → ended (files gone) → over (the broker knows). Its marker says delivered or failed while it is served, and goes when it ends.
 */
export interface NodeRun {
  readonly subject: RunSubject;
  /** As the broker named it; undefined while asking. */
  record(): RunRecord | undefined;
  /** The first outcome; never rejects. */
  readonly outcome: Promise<Outcome>;
  /** What it is to be given up with, by what keeps it waiting. */
  unserved(): Outcome;
  /** No outcome in time, or none to be had: gives everything back and marks the run as failed, or as one that has nothing. */
  giveUp(outcome: Outcome): Promise<void>;
  /** Resolves when no file and no marker is left; the broker is told then or later. Any number of times. */
  end(): Promise<void>;
  /**
   * Asks whether it is over, and ends it then. Undefined where a stream or an answer to come tells that anyway, or where no broker has named it, so that
   * none could tell.
   */
  endIfOver(signal: AbortSignal): Promise<'over' | 'alive' | undefined>;
  /** Opens its stream anew, with the certificate of now. */
  renew(): void;
  /** Leaves the files, for the next process. */
  leave(): Promise<void>;
  /** Resolves when there is nothing left to do for it, by itself or after `leave`. */
  readonly over: Promise<void>;
}

export function createNodeRun(options: NodeRunOptions): NodeRun {
  const { subject, store } = options;
  const log = options.log.child({ job: subject.job });
  const { promise: outcome, resolve: settle } = Promise.withResolvers<Outcome>();
  const { promise: over, resolve: resolveOver } = Promise.withResolvers<undefined>();
  let record = options.record;
  let phase: 'live' | 'failed' | 'ended' = record?.owed === undefined ? 'live' : 'ended';
  const isEnded = () => phase === 'ended';
  let wasServed = false;
  /** Its bundles: what they give up, they say there. */
  let areOnStream = false;
  let marked = '';
  /** What there is to say of the wait beyond that it is one. */
  let trouble: ErrorCode | undefined;
  let unreachable = 0;
  let isGone = false;
  let ending: Promise<void> | undefined;
  let stream: ((command: HoldCommand) => void) | undefined;
  let queue: Promise<void> = Promise.resolve();

  /** What changes the disk, one after the other: a marker never comes after the wipe that it would belie. */
  function enqueue(work: () => Promise<void>): Promise<void> {
    queue = queue.then(work).catch((error: unknown) => {
      log.error('a change to the files of a run failed', {}, error);
      if (phase === 'live') void giveUp(failedFor(LeaseholdError.from(error).code));
    });
    return queue;
  }

  const loop = createHoldLoop({
    ...options,
    bundles: [],
    log,
    prove: () => options.prove(() => referenceOf(subject, record)),
    onWelcome,
    onEnd: (error) => {
      stream = undefined;
      const code = error?.code;
      const meaning = meaningOfEnd(code, record !== undefined);
      if (phase === 'ended') {
        if (meaning === 'over') farewell.finish();
        return 'soon';
      }
      if (record === undefined) trouble = meaning === 'unregistered' ? code : undefined;
      unreachable = record === undefined && code === 'broker_unavailable' ? unreachable + 1 : 0;
      if (unreachable >= options.addresses.length) options.onUnreachable();
      if (meaning === 'refused') void giveUp(failedFor(code ?? 'internal'));
      if (meaning !== 'over') return 'soon';
      isGone = true;
      log.info('the broker says that the run is over', { code });
      void end().then(options.onEnded);
      return 'slow';
    },
  });

  function onWelcome(welcome: Welcome, send: (command: HoldCommand) => void): void {
    stream = send;
    if (phase === 'ended') {
      // Not before the files are gone, and it is known what there is to say.
      void (ending ?? Promise.resolve()).then(() => {
        if (stream === send) farewell.say(record?.owed ?? [], send);
      });
      return;
    }
    const run = welcomedRun(welcome, subject, record);
    if (run === undefined) {
      log.error('the broker speaks of another run, or another owner, than this node', {
        workload: welcome.workload,
      });
      void giveUp(failedFor('credential_wrong_workload'));
      return;
    }
    if (record !== undefined) return;
    record = recordOf(subject, welcome.workload, run);
    void take(record);
  }

  function take(taken: RunRecord): Promise<void> {
    return enqueue(async () => {
      if (phase !== 'live') return;
      // Before the first file: whatever comes to lie there is found again.
      await store.save(taken);
      await store.makeFolder(taken);
      await bundles.take(taken);
      // What an earlier process promised may have gone with it.
      if (!bundles.areDelivered()) await store.unmark(subject);
      // The end waits for this. A bundle that has no stream yet is not put on one to be asked for.
      if (isEnded()) return;
      update();
      for (const bundle of bundles.all()) loop.add(bundle);
      areOnStream = true;
    });
  }

  const bundles = createRunBundles({
    ...options,
    log,
    onChange: update,
    onUndelivered: (code) => {
      trouble = code;
    },
    onRefused: (code, isDecided) => {
      if (isDecided && !wasServed) void giveUp(failedFor(code));
    },
    onRevoked: (reason) => {
      if (reason !== 'workload_ended') return;
      isGone = true;
      void end().then(options.onEnded);
    },
    tell,
  });

  const farewell = createFarewell({
    clock: options.clock,
    stream: () => stream,
    close,
    onOver: async () => {
      await enqueue(async () => {
        if (record !== undefined) await store.forget(record);
      });
      resolveOver(undefined);
    },
  });

  const undelivered = createSayUndelivered({
    ...options,
    log,
    tell: (code, signal) => {
      const reference = referenceOf(subject, record);
      return options.tellUndelivered(
        { reference, restarts: subject.restarts ?? record?.restarts, code },
        signal,
      );
    },
  });

  /** Before all files are there, no process of the run is. */
  async function tell(taken: RunRecord, signal: AbortSignal): Promise<void> {
    const { uid, gid } = taken;
    if (wasServed) await options.notifyRun?.({ folder: store.folder(taken), uid, gid }, signal);
  }

  /** Brings the marker in line with the files. */
  function update(): void {
    if (phase !== 'live' || !bundles.areTaken()) return;
    const isServed = bundles.areDelivered();
    if (!isServed && !wasServed) return;
    wasServed = true;
    if (!isServed) void mark({ state: 'failed', code: 'session_ended', why: reasons.lost });
    else if (bundles.all().length > 0) void mark({ state: 'delivered' });
    else {
      void mark({ state: 'nothing' });
      // Nobody has to be told when it ends, and an open stream is memory at both ends.
      void loop.stop();
    }
  }

  function mark(state: Outcome): Promise<void> {
    const key = JSON.stringify(state);
    if (key === marked) return Promise.resolve();
    marked = key;
    return enqueue(async () => {
      if (phase === 'ended') return;
      await store.mark(
        subject,
        markerOf(state, subject, record && { ...record, folder: store.folder(record) }),
      );
      settle(state);
    });
  }

  async function giveUp(result: Outcome): Promise<void> {
    if (phase !== 'live') return;
    phase = 'failed';
    log.warn('the run goes without its files', result);
    if (result.state === 'failed' && !wasServed) undelivered.say(result.code);
    await mark(result);
    // Even where no marker could be written: the task prolog then finds none.
    settle(result);
    await bundles.giveUp();
    await farewell.lastWords();
    await enqueue(async () => {
      if (record === undefined) return;
      await store.removeFolder(record);
      await store.forget(record);
    });
  }

  /** Its stream is closed, as there is nothing to hold. */
  const hasNoStream = () =>
    phase === 'failed' || (phase === 'live' && wasServed && bundles.all().length === 0);

  async function endIfOver(signal: AbortSignal): Promise<'over' | 'alive' | undefined> {
    if (record === undefined || !hasNoStream()) return undefined;
    const prove = () => options.prove(() => referenceOf(subject, record));
    const isOver = await askWhetherOver({ ...options, log, prove }, signal);
    if (!isOver || isEnded()) return 'alive';
    isGone = true;
    log.info('the broker says that the run is over, and no epilog has', {});
    await end();
    options.onEnded();
    return 'over';
  }

  async function close(): Promise<void> {
    await loop.stop();
    await bundles[Symbol.asyncDispose]();
  }

  function end(): Promise<void> {
    ending ??= endOnce();
    return ending;
  }

  async function endOnce(): Promise<void> {
    const was = phase;
    phase = 'ended';
    undelivered.stop();
    settle(failedFor('workload_ended'));
    const through = stream;
    let owed: readonly string[] = [];
    // First what a process that is killed after this has to know, then the files.
    await enqueue(async () => {
      // In its turn: what an earlier process left may just be taken up.
      owed = bundles.sessions();
      if (record === undefined || was === 'failed') return;
      record = { ...record, owed };
      await store.save(record);
    });
    // Before them: a marker promises files.
    await enqueue(() => store.unmark(subject));
    await bundles.giveUp();
    await enqueue(async () => {
      if (record !== undefined) await store.removeFolder(record);
    });
    log.info('the run has ended on this node, its files are removed', {});
    if (was === 'failed' || isGone || owed.length === 0) farewell.finish();
    // With no stream, the loop goes on asking for a broker to tell it to.
    else if (through !== undefined) {
      // Each bundle has said so on its stream, where it had one.
      if (areOnStream) farewell.after(through);
      else farewell.say(owed, through);
    }
  }

  if (phase === 'live' && record !== undefined) void take(record);
  void loop.run();

  return {
    subject,
    record: () => record,
    outcome,
    unserved: () => failedFor(trouble ?? 'deadline_exceeded'),
    giveUp,
    end,
    endIfOver,
    renew: () => loop.renew(),
    leave: async () => {
      stream = undefined;
      undelivered.stop();
      await close();
      await queue;
      resolveOver(undefined);
    },
    over,
  };
}
