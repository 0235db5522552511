import { randomBytes } from 'node:crypto';
import type { Clock } from '../../src/platform/clock.ts';
import type { ErrorCode } from '../../src/platform/error.ts';
import type { Log } from '../../src/platform/log.ts';
import { randomId } from '../../src/platform/random-id.ts';
import type { RevokedReason } from '../../src/rpc/client/hold-messages.ts';
import { createBundleHold, type BundleHold } from '../bundle-hold.ts';
import type { Counters } from '../counters.ts';
import { createDeliverer } from '../deliver/deliverer.ts';
import { limitFile } from './limit-file.ts';
import type { RunRecord } from './run-record.ts';
import type { RunStore } from './run-store.ts';

/** The bundles of one run on this node, from the moment at which the broker has named them. None before that. */
export interface RunBundles extends AsyncDisposable {
  /** Takes up what an earlier process left of them. Once. */
  take(run: RunRecord): Promise<void>;
  areTaken(): boolean;
  all(): readonly BundleHold[];
  /** Each has been acknowledged, and its files are in place. Of no bundles, true. */
  areDelivered(): boolean;
  /** Sessions whose files may be in place, or that the broker has just opened. */
  sessions(): readonly string[];
  /** Removes the files and gives the sessions up, for good. */
  giveUp(): Promise<void>;
}

export interface RunBundlesOptions {
  readonly store: RunStore;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly counters: Counters;
  readonly allowDisk: boolean;
  /** After every possible change of `areDelivered`. */
  readonly onChange: () => void;
  readonly onUndelivered: (code: ErrorCode) => void;
  readonly onRefused: (code: ErrorCode, isDecided: boolean) => void;
  readonly onRevoked: (reason: RevokedReason) => void;
  /** Files of the run have changed. */
  readonly tell: (run: RunRecord, signal: AbortSignal) => Promise<void>;
}

export function createRunBundles(options: RunBundlesOptions): RunBundles {
  const { store, onChange } = options;
  const bundles = new Map<string, BundleHold>();
  const acknowledged = new Set<string>();
  let isTaken = false;

  const createHold = (name: string, run: RunRecord): BundleHold =>
    createBundleHold({
      ...options,
      config: {
        name,
        folder: name,
        files: undefined,
        notify: { kind: 'call', call: (signal) => options.tell(run, signal) },
        requireAck: false,
      },
      deliverer: createDeliverer({
        target: store.target(run),
        folder: name,
        allowDisk: options.allowDisk,
        defaultUid: undefined,
        defaultGid: undefined,
        effectiveUid: process.geteuid?.() ?? 0,
        folderMode: 0o711,
        limit: (file) => limitFile(file, run),
        randomName: () => randomBytes(8).toString('hex'),
      }),
      newRequestKey: () => randomId('req_'),
      staticOnly: false,
      onDelivered: () => {
        acknowledged.add(name);
        onChange();
      },
      onImpossible: () => undefined,
    });

  return {
    take: async (run) => {
      for (const name of run.bundles) {
        const bundle = createHold(name, run);
        await bundle.recover();
        bundles.set(name, bundle);
        if (bundle.isReady()) acknowledged.add(name);
      }
      isTaken = true;
    },
    areTaken: () => isTaken,
    all: () => [...bundles.values()],
    areDelivered: () => [...bundles].every(([name, bundle]) => acknowledged.has(name) && bundle.isReady()),
    sessions: () => [...bundles.values()].flatMap((bundle) => bundle.sessions()),
    giveUp: async () => {
      await Promise.all([...bundles.values()].map((bundle) => bundle.giveUp()));
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...bundles.values()].map((bundle) => bundle[Symbol.asyncDispose]()));
    },
  };
}
