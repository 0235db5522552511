import { join } from 'node:path';
import type { Clock } from '../platform/clock.ts';
import { hasCode, LeaseholdError } from '../platform/error.ts';
import type { Log } from '../platform/log.ts';
import { isEarlierSluid } from '../platform/sluid.ts';
import { askAgain } from './ask-again.ts';
import { type BrokerClient, isDecision } from './broker-client.ts';
import { createCancelRuns } from './cancel-runs.ts';
import type { SignerConfig } from './config.ts';
import type { HookRequest } from '../platform/hook-request.ts';
import type { HookAnswer } from '../platform/hook-socket.ts';
import { areOutOfDate, needsSecrets } from '../platform/run-matchers.ts';
import type { RunToCancel__Output } from '../rpc/gen/leasehold/v1/RunToCancel.ts';
import { openHeldJobs } from './held-jobs.ts';
import { openKeptMatchers } from './kept-matchers.ts';
import { openKeptRuns } from './kept-runs.ts';
import {
  claimsOf,
  hasNames,
  type EndingJob,
  jobName,
  matchedJob,
  readEndingJob,
  readStartingJob,
  type StartingJob,
} from './registration.ts';
import { partsOf } from './report-parts.ts';
import type { ScheduledRun, Scheduler, SchedulerSettings } from './scheduler.ts';
import type { SigningKeys } from './signing-keys.ts';

export interface SignerOptions {
  readonly config: SignerConfig;
  readonly broker: () => BrokerClient;
  readonly keys: () => SigningKeys;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  /** 0 up to but not including 1. */
  readonly random: () => number;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface Signer {
  answer(request: HookRequest): Promise<HookAnswer>;
  /**
   * Tells the broker which runs there are, cancels those that it wants cancelled, fetches matchers, releases what was held for the broker's sake. Throws
   * what went wrong.
   */
  reconcile(): Promise<void>;
}

/** Of the 30 s that the hook waits, what is left for asking Slurm and the broker when a hold has its part. */
const hookMs = 25_000;
const leastAskMs = 5_000;

/** Throws `config_invalid` when its state cannot be read. Slurm need not answer yet: it starts after its signer. */
export async function createSigner(options: SignerOptions): Promise<Signer> {
  const { config, scheduler, clock, log, signal } = options;
  const registered = await openKeptRuns(join(config.state, 'runs'));
  const ending = new Map<number, EndingJob>();
  const starting = new Map<number, number>();
  const held = await openHeldJobs({
    path: join(config.state, 'held.json'),
    scheduler,
    clock,
    random: options.random,
    log,
    signal,
  });
  const cancelRuns = createCancelRuns({ scheduler, broker: options.broker, log, signal });
  let settings: SchedulerSettings | undefined;

  const kept = await openKeptMatchers({ path: join(config.state, 'matchers.json'), config, clock, log });

  async function register(request: HookRequest): Promise<HookAnswer> {
    const job = readStartingJob(request, config.cluster);
    starting.set(job.jobId, (starting.get(job.jobId) ?? 0) + 1);
    try {
      const seen = await ask(job.jobId);
      if (seen instanceof LeaseholdError) return await unregistered(job, undefined, seen);
      const { run, settings } = seen;
      // Its end has overtaken it, or the hook was killed and asks late.
      if (run?.isStarting !== true)
        throw new LeaseholdError('workload_ended', { detail: 'the controller has no such run that starts' });
      return await registerRun(job, run, settings);
    } finally {
      const others = (starting.get(job.jobId) ?? 1) - 1;
      if (others > 0) starting.set(job.jobId, others);
      else {
        starting.delete(job.jobId);
        ending.delete(job.jobId);
      }
    }
  }

  /** Jobs must not wait for a disk: what cannot be written is known until a restart, and after one the report ends what its hooks cannot. */
  async function written(write: Promise<void>): Promise<void> {
    await write.catch((error: unknown) => log.error('what is registered could not be kept', {}, error));
  }

  /** What the controller has, or what it was in trouble with until the hook had to know. */
  async function ask(jobId: number) {
    const look = async () => {
      const run = await scheduler.run(jobId, signal);
      settings ??= await scheduler.settings(signal);
      return { run, settings };
    };
    const ms = Math.max(leastAskMs, hookMs - config.outage.giveUp * 1000);
    try {
      return await askAgain({ ask: look, ms, clock, signal });
    } catch (error) {
      if (hasCode(error, 'workload_stale')) return LeaseholdError.from(error);
      throw error;
    }
  }

  async function registerRun(
    job: StartingJob,
    run: ScheduledRun,
    { prologsAtStart, ...enforced }: SchedulerSettings,
  ): Promise<HookAnswer> {
    const site = { cluster: config.cluster, audience: config.audience, ...enforced, now: clock.now() };
    if (!hasNames(job)) {
      const detail = 'Slurm could not look up the name of its user or group';
      return unregistered(job, run.canBeHeld, new LeaseholdError('identity_unavailable', { detail }));
    }
    const assertion = Buffer.from(await options.keys().sign(claimsOf(job, run, site)));
    let answer;
    try {
      const requestedBundles = [...job.requested];
      answer = await options.broker().register({ assertion, requestedBundles, prologsAtStart }, signal);
    } catch (error) {
      if (isDecision(error) || hasCode(error, 'cancelled')) throw error;
      return unregistered(job, run.canBeHeld, LeaseholdError.from(error));
    }
    await written(registered.set(job.jobId, run.start));
    held.succeeded(jobName(job));
    log.info('a run is registered', { job: job.jobId, start: run.start, bundles: answer.bundles.length });
    await endOvertaking(job.jobId);
    const refused = answer.refused.map(({ bundle, code }) => `${bundle} (${code})`);
    return refused.length === 0
      ? { ok: true }
      : { ok: false, why: `refused to job ${job.jobId}: ${refused.join(', ')}` };
  }

  /** A job that would fail for want of its secrets waits; whatever needs none is left alone. Undefined where nobody knows whether Slurm can hold it. */
  async function unregistered(
    job: StartingJob,
    canBeHeld: boolean | undefined,
    trouble: LeaseholdError,
  ): Promise<HookAnswer> {
    const { jobId } = job;
    const name = jobName(job);
    held.failed();
    log.error('a run could not be registered', { job: jobId }, trouble);
    const but = (becomes: string): HookAnswer => ({
      ok: false,
      why: `job ${jobId} ${becomes}: ${trouble.message}`,
    });
    // Without a word of the broker's nothing is known of any job, and a whole queue must not stop for that.
    const matchers = kept.current();
    const isOld = matchers !== undefined && areOutOfDate(matchers, clock.now());
    if (isOld) log.warn('the matchers of runs are too old to hold a job by them', { job: jobId });
    if (matchers === undefined || isOld || !needsSecrets(matchedJob(job), matchers))
      return but('is not registered');
    if (canBeHeld !== false) {
      try {
        await held.hold(name);
        log.warn('a job is held until it can be registered', { job: jobId });
        return but('is held');
      } catch (error) {
        if (hasCode(error, 'cancelled')) throw error;
        log.error('a job could not be held', { job: jobId }, error);
        // The controller may yet do as it was told, and a job that waits is better than one that is gone.
        if (canBeHeld === true) return but('could not be held');
      }
    }
    if (config.outage.unheld === 'start') return but('starts without credentials');
    await scheduler.cancel(name, signal);
    return but('is cancelled');
  }

  /** What came while the run was registered: its end, or that of an earlier run of the job, which the broker can tell. */
  async function endOvertaking(jobId: number): Promise<void> {
    const overtaking = ending.get(jobId);
    if (overtaking === undefined) return;
    try {
      await end(overtaking);
    } catch (error) {
      if (!hasCode(error, 'workload_ended')) throw error;
      log.info('an end that came with a registration is of an earlier run', { job: jobId });
    }
  }

  async function end(job: EndingJob): Promise<void> {
    const { jobId, sluid } = job;
    const start = registered.get(jobId);
    // It may be meant for the run whose registration is under way: of several the latest, as far as that is known.
    const before = ending.get(jobId)?.sluid;
    const isLatest = before === undefined || (sluid !== undefined && !isEarlierSluid(sluid, before));
    if (starting.has(jobId) && isLatest) ending.set(jobId, job);
    if (start === undefined) return;
    await options.broker().end({ run: { jobId, start }, ...(sluid === undefined ? {} : { sluid }) }, signal);
    // A registration that came meanwhile is another run.
    if (registered.get(jobId) === start) await written(registered.delete([jobId]));
    log.info('a run ends', { job: jobId, start });
  }

  /** Returns the runs whose jobs are to be cancelled. */
  async function report(): Promise<readonly RunToCancel__Output[]> {
    // Asked before, so that a run that starts meanwhile is younger than the report; in whole seconds, as starts are.
    const asOfMs = Math.floor(clock.now() / 1000) * 1000;
    const runs = await scheduler.runs(signal);
    const submitted = new Map(runs.map((run) => [run.jobId, run.submitted]));
    const rows = runs
      .filter(({ start }) => start > 0)
      .map(({ jobId, start, endsAt, submitted, restarts, state, nodes }) => ({
        run: { jobId, start },
        endsAtMs: endsAt * 1000,
        submitted,
        restarts,
        // A node may be missed only where its prolog must have begun.
        nodes: settings?.prologsAtStart === true && state === 'RUNNING' ? nodes : 0,
      }));
    let ended = 0;
    let toCancel: readonly RunToCancel__Output[] = [];
    for (const part of partsOf(rows)) {
      const answer = await options.broker().report({ asOfMs, ...part }, signal);
      ended += answer.ended;
      // Of the whole cluster in each answer.
      ({ toCancel } = answer);
    }
    if (ended > 0) log.warn('runs have ended without a word of their hooks', { runs: ended });
    // Not by the start that Slurm tells now: it sets another one when the nodes of a run had to boot first.
    const over = registered
      .entries()
      .filter(([jobId, start]) => (submitted.get(jobId) ?? Infinity) > start && start * 1000 < asOfMs);
    await written(registered.delete(over.map(([jobId]) => jobId)));
    return toCancel;
  }

  return {
    answer: async (request) => {
      switch (request.verb) {
        case 'register':
          return register(request);
        case 'end':
          await end(readEndingJob(request, config.cluster));
          return { ok: true };
        default:
          throw new LeaseholdError('request_invalid', { detail: 'the signer has no such verb' });
      }
    },
    reconcile: async () => {
      settings = await scheduler.settings(signal);
      await kept.take(await options.broker().matchers(signal));
      // However long a report takes, and whatever it fails by: the jobs that wait must not wait for that, nor for those that are cancelled.
      const [reported, released] = await Promise.allSettled([report(), held.release()]);
      if (reported.status === 'rejected') throw LeaseholdError.from(reported.reason);
      if (released.status === 'rejected') throw LeaseholdError.from(released.reason);
      await cancelRuns(reported.value);
    },
  };
}
