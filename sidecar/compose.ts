import { randomBytes } from 'node:crypto';
import type { Clock } from '../src/platform/clock.ts';
import { LeaseholdError } from '../src/platform/error.ts';
import type { Log } from '../src/platform/log.ts';
import { randomId } from '../src/platform/random-id.ts';
import type { DialHold } from '../src/rpc/client/hold-client.ts';
import { createBundleHold, type BundleHold } from './bundle-hold.ts';
import type { SidecarConfig } from './config.ts';
import { createCounters, type Counters } from './counters.ts';
import { createDeliverer } from './deliver/deliverer.ts';
import { startHealth, type Health } from './health.ts';
import { createHoldLoop } from './hold.ts';
import { tokenProof } from './proof.ts';

/** A whole sidecar, with its parts put together. */
export interface Sidecar {
  /** Holds the bundles until the signal aborts; then wipes and gives up, or keeps, as configured. */
  hold(signal: AbortSignal): Promise<void>;
  /**
   * Delivers every bundle once and leaves the files. Throws the code of what stands in the way; `deadline_exceeded`
   * when the time is over, `broker_unavailable` when no broker was reached in it.
   */
  deliverOnce(signal: AbortSignal): Promise<void>;
  readonly counters: Counters;
  readonly health: Health;
}

export interface SidecarOptions {
  readonly config: SidecarConfig;
  readonly mode: 'hold' | 'once';
  readonly dial: DialHold;
  readonly clock: Clock;
  /** 0 up to but not including 1; for jitter only. */
  readonly random: () => number;
  readonly log: Log;
  readonly version: string;
}

/** For the broker to take in the last messages: it answers none of them, and may drop what it has not read at the end of a stream. */
const lastWordsMs = 250;

export async function composeSidecar(options: SidecarOptions): Promise<Sidecar> {
  const { config, clock, log, random } = options;
  const counters = createCounters();
  const delivered = new Set<string>();
  const {
    promise: allDelivered,
    resolve: resolveDelivered,
    reject: rejectDelivered,
  } = Promise.withResolvers<undefined>();
  // Without `--once` nobody waits for it.
  allDelivered.catch(() => undefined);
  let isStarted = false;
  const current: { health?: Health } = {};

  const bundles: readonly BundleHold[] = config.bundles.map((bundle) =>
    createBundleHold({
      config: bundle,
      deliverer: createDeliverer({
        target: config.target,
        folder: bundle.folder,
        allowDisk: config.allowDisk,
        defaultUid: config.uid,
        defaultGid: config.gid,
        effectiveUid: process.geteuid?.() ?? 0,
        randomName: () => randomBytes(8).toString('hex'),
      }),
      clock,
      random,
      newRequestKey: () => randomId('req_'),
      log,
      counters,
      staticOnly: options.mode === 'once',
      onChange: () => {
        isStarted ||= bundles.every((one) => one.isReady());
        current.health?.update();
      },
      onDelivered: () => {
        delivered.add(bundle.name);
        if (delivered.size === config.bundles.length) resolveDelivered(undefined);
      },
      onImpossible: rejectDelivered,
    }),
  );
  const loop = createHoldLoop({
    addresses: config.broker.address,
    serverName: config.broker.serverName,
    prove: tokenProof({ tokenFile: config.credential, caFile: config.broker.ca, clock, log }),
    agent: `leasehold-sidecar/${options.version}`,
    bundles,
    dial: options.dial,
    clock,
    random,
    log,
    counters,
  });

  async function end(keepFiles: boolean, probes: Health): Promise<void> {
    if (!keepFiles) await Promise.all(bundles.map((bundle) => bundle.giveUp()));
    await clock.sleep(lastWordsMs, AbortSignal.timeout(lastWordsMs * 2)).catch(() => undefined);
    await loop.stop();
    await Promise.all(bundles.map((bundle) => bundle[Symbol.asyncDispose]()));
    await probes[Symbol.asyncDispose]();
  }

  const probes = await startHealth({
    ...config.health,
    state: () => ({ isStarted, isReady: bundles.every((bundle) => bundle.isReady()) }),
    metrics: () => counters.render(),
    log,
  });
  current.health = probes;
  // Unsafe or unsuitable folders stop the program here, before a broker is asked for anything.
  for (const bundle of bundles) await bundle.recover();

  return {
    counters,
    health: probes,
    hold: async (signal) => {
      const running = loop.run();
      await aborted(signal);
      log.info('going down', { onExit: config.onExit });
      await end(config.onExit === 'keep', probes);
      await running;
    },
    deliverOnce: async (signal) => {
      const running = loop.run();
      const cancel = clock.after(config.onceSeconds * 1000, () =>
        rejectDelivered(new LeaseholdError(loop.hasAttached() ? 'deadline_exceeded' : 'broker_unavailable')),
      );
      void aborted(signal).then(() => rejectDelivered(new LeaseholdError('cancelled')));
      try {
        await allDelivered;
      } finally {
        cancel();
        await end(true, probes);
        await running;
      }
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
