import type { Clock } from '../../src/platform/clock.ts';
import { LeaseholdError } from '../../src/platform/error.ts';
import type { HookRequest } from '../../src/platform/hook-request.ts';
import { type HookAnswer, listenForHooks } from '../../src/platform/hook-socket.ts';
import type { Log } from '../../src/platform/log.ts';
import { isEarlierSluid } from '../../src/platform/sluid.ts';
import type { DialHold } from '../../src/rpc/client/hold-client.ts';
import type { fetchRunMatchers } from '../../src/rpc/client/fetch-matchers.ts';
import type { reportUndelivered } from '../../src/rpc/client/report-undelivered.ts';
import { brokerNames } from '../../src/rpc/client/signed-matchers.ts';
import { createAilingBrokers } from '../ailing-brokers.ts';
import { createCounters } from '../counters.ts';
import { readCa } from '../proof.ts';
import { askBrokers } from './ask-brokers.ts';
import { type NodeCertificate, readNodeCertificate } from './certificate.ts';
import type { NodeAgentConfig } from './config.ts';
import { keepMatchers } from './kept-matchers.ts';
import { type Outcome, reasons } from './marker.ts';
import { prepareRoot } from './memory-root.ts';
import { findNotifyRun } from './notify-run.ts';
import { endForgottenRuns } from './forgotten-runs.ts';
import { createNodeRun, type NodeRun } from './node-run.ts';
import { createRenewal } from './renewal.ts';
import type { RunRecord } from './run-record.ts';
import { readSeenJob, type RunSubject, type SeenJob } from './seen-job.ts';
import { openRunStore } from './run-store.ts';

/** A whole node agent, with its parts put together. Disposing leaves every run's files for the next process. */
export interface NodeAgent extends AsyncDisposable {
  /** Runs that it answers for, those that have ended and that no broker has been told of included. */
  runs(): number;
  /** There may be one where there was none. */
  lookForCertificate(): void;
}

export interface NodeAgentOptions {
  readonly config: NodeAgentConfig;
  readonly dial: DialHold;
  readonly fetchMatchers: typeof fetchRunMatchers;
  readonly tellUndelivered: typeof reportUndelivered;
  readonly clock: Clock;
  /** 0 up to but not including 1; for jitter only. */
  readonly random: () => number;
  readonly log: Log;
  readonly version: string;
}

/**
 * Throws `config_invalid` or `delivery_*` when it cannot serve. Answers hooks when it resolves, with a certificate or without: files of a job
 * that ends must go in any case, and to a job that starts it is as if no broker answered.
 */
export async function startNodeAgent(options: NodeAgentOptions): Promise<NodeAgent> {
  const { config, clock, log } = options;
  const files = { ...config, ca: config.broker.ca };
  /**
   * Who this node is, once a certificate has told. It stays what it was: a pair that is half replaced must not keep an epilog from removing files.
   * Before that a hook's word is enough, for only root can say it, and no secret is had by it.
   */
  let own: Pick<NodeCertificate, 'cluster' | 'node'> | undefined;
  const store = await openRunStore(await prepareRoot({ ...config.files, log }));
  const counters = createCounters();
  const notifyRun = await findNotifyRun({ program: config.notifier, log });
  /** The run that each job has now. */
  const current = new Map<number, NodeRun>();
  const all = new Set<NodeRun>();
  /** Of an agent that cannot serve nothing may go on: its process would neither answer nor end. */
  await using parts = new AsyncDisposableStack();
  parts.defer(async () => {
    await Promise.all([...all].map((run) => run.leave()));
  });
  /** For each job, what is being done about it: a prolog and an epilog never overtake each other. */
  const turns = new Map<number, Promise<unknown>>();
  const renewal = createRenewal({
    read: async (last) => {
      const found = await readNodeCertificate(files, last);
      own ??= { cluster: found.cluster, node: found.node };
      return found;
    },
    clock,
    log,
    onRenewed: () => {
      for (const run of all) run.renew();
      matchers.ask();
    },
  });

  /** Throws `broker_unavailable` where there is none that could be shown. */
  const endpoint = async () => {
    try {
      return (await renewal.read()).endpoint;
    } catch (cause) {
      const detail = 'this node has no certificate that it could show';
      throw new LeaseholdError('broker_unavailable', { detail, cause });
    }
  };

  const ailing = createAilingBrokers({ clock });
  // Each of them has its part of the time, and what is told by the one that answers.
  const patienceMs = (config.prolog.seconds * 1000) / (config.broker.address.length + 1);

  const anyBroker = (signal: AbortSignal) => ({
    broker: config.broker,
    random: options.random,
    endpoint,
    signal,
  });
  parts.defer(() => renewal.close());
  const names = brokerNames(config.broker.address, config.broker.serverName);
  const matchers = parts.use(
    keepMatchers({
      root: config.files.root,
      fetch: (signal, accept) =>
        askBrokers(anyBroker(signal), async (call) => accept(await options.fetchMatchers(call))),
      trust: async () => ({ ca: await readCa(config.broker.ca), names }),
      cluster: () => own?.cluster,
      clock,
      random: options.random,
      log,
    }),
  );
  await renewal.look();

  function begin(
    subject: RunSubject,
    more: { readonly record?: RunRecord; readonly seen?: SeenJob },
  ): NodeRun {
    const { record, seen } = more;
    const run = createNodeRun({
      ...options,
      notifyRun,
      subject,
      ...(record === undefined ? {} : { record }),
      store,
      addresses: config.broker.address,
      ...(seen === undefined ? {} : { hurry: { ailing, patienceMs } }),
      serverName: config.broker.serverName,
      prove: async (reference) => {
        const proof = await endpoint();
        // It came when nobody could tell whose hook that was.
        if (seen !== undefined && isOfOther(seen)) throw new LeaseholdError('credential_wrong_workload');
        return {
          credential: reference(),
          endpoint: proof,
          keep: (send) => ({
            expiresAt: () => undefined,
            sendNow: () => {
              // Said again on the same connection, it is decided anew: a time limit may have been raised.
              send(reference());
              void renewal.look();
            },
            close: () => undefined,
          }),
        };
      },
      agent: `leasehold-node-agent/${options.version}`,
      counters,
      tellUndelivered: (word, signal) =>
        askBrokers(anyBroker(signal), (call) => options.tellUndelivered(word, call)),
      allowDisk: false,
      onUnreachable: () => void (seen && letInNeedless(run, seen)),
      onEnded: () => drop(run),
    });
    all.add(run);
    void run.over.then(() => all.delete(run));
    if (record?.owed === undefined) current.set(subject.job, run);
    return run;
  }

  function drop(run: NodeRun): void {
    if (current.get(run.subject.job) === run) current.delete(run.subject.job);
  }

  function inTurn<T>(job: number, work: () => Promise<T>): Promise<T> {
    const mine = (turns.get(job) ?? Promise.resolve()).then(work);
    const settled = mine.catch(() => undefined);
    turns.set(job, settled);
    void settled.then(() => turns.get(job) === settled && turns.delete(job));
    return mine;
  }

  async function prolog(seen: SeenJob): Promise<HookAnswer> {
    // Root's own jobs are registered nowhere and have nothing.
    if (seen.uid === 0) {
      await store.mark(seen, { state: 'nothing', run: undefined, uid: 0, restarts: seen.restarts ?? 0 });
      return { ok: true };
    }
    const run = await inTurn(seen.job, async () => {
      const known = current.get(seen.job);
      if (known !== undefined && isSameRun(known, seen)) return known;
      await known?.end();
      return begin(seen, { seen });
    });
    const cancel = clock.after(config.prolog.seconds * 1000, () => void unserved(run, seen));
    const outcome = await run.outcome;
    cancel();
    return answerOf(outcome);
  }

  /** What can have nothing to wait for, by the last word of a broker's, is let in as soon as none answers. */
  async function letInNeedless(run: NodeRun, seen: SeenJob): Promise<void> {
    const isNeedless = (await matchers.mayNeed(seen)) === false;
    // A broker may have named it in the meantime; then it has something to wait for.
    if (isNeedless && run.record() === undefined) await run.giveUp({ state: 'nothing' });
  }

  /** In time, nobody has said that the run may have its files, or that it has none. */
  async function unserved(run: NodeRun, seen: SeenJob): Promise<void> {
    await letInNeedless(run, seen);
    const isFree = config.prolog.unserved === 'start' && run.record() === undefined;
    await run.giveUp(isFree ? { state: 'nothing' } : run.unserved());
  }

  const epilog = (seen: SeenJob): Promise<HookAnswer> =>
    inTurn(seen.job, async () => {
      const known = current.get(seen.job);
      // A late epilog does not end the next run of its job.
      if (isEarlierSluid(seen.sluid, known?.subject.sluid)) return { ok: true };
      await known?.end();
      if (known === undefined) await store.unmark(seen);
      else drop(known);
      return { ok: true };
    });

  const isOfOther = ({ cluster, node }: SeenJob): boolean =>
    own !== undefined && (cluster !== own.cluster || node !== own.node);

  async function answer(request: HookRequest): Promise<HookAnswer> {
    // Whoever starts the agent asks that; no job is spoken of.
    if (request.verb === 'ready') return { ok: true };
    const seen = readSeenJob(request);
    if (isOfOther(seen)) {
      log.error('a hook of another node or cluster was refused', { job: seen.job });
      return { ok: false, why: reasons.mismatched };
    }
    switch (request.verb) {
      case 'prolog':
        return prolog(seen);
      case 'epilog':
        return epilog(seen);
      default:
        return { ok: false, why: 'the node agent knows prolog and epilog only' };
    }
  }

  for (const record of await store.recover()) {
    begin({ ...record, start: record.seenStart }, { record });
  }
  parts.use(await listenForHooks({ path: config.socket, group: undefined, answer, log }));
  const runs = () => current.values();
  parts.use(endForgottenRuns({ runs, clock, random: options.random, log }));
  log.info('ready', { runs: all.size });
  const owned = parts.move();

  return {
    runs: () => all.size,
    lookForCertificate: () => void renewal.look(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function answerOf(outcome: Outcome): HookAnswer {
  return outcome.state === 'failed' ? { ok: false, why: outcome.why } : { ok: true };
}

/** By what both know; what the scheduler tells at a prolog is right. */
function isSameRun(run: NodeRun, seen: SeenJob): boolean {
  const { subject } = run;
  const record = run.record();
  return (
    subject.uid === seen.uid &&
    !areOther(subject.restarts ?? record?.restarts, seen.restarts) &&
    !areOther(subject.start, seen.start) &&
    (!areOther(subject.sluid, seen.sluid) || isResized(subject, seen))
  );
}

/** Slurm runs another prolog then, under a run that goes on with what it has. */
function isResized(subject: RunSubject, seen: SeenJob): boolean {
  return isEarlierSluid(subject.sluid, seen.sluid) && subject.start !== undefined && seen.start !== undefined;
}

function areOther<T>(a: T | undefined, b: T | undefined): boolean {
  return a !== undefined && b !== undefined && a !== b;
}
