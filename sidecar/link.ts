import type { Clock } from '../src/platform/clock.ts';
import { hasCode, LeaseholdError } from '../src/platform/error.ts';
import type { Log } from '../src/platform/log.ts';
import type { DialHold, HoldStream } from '../src/rpc/client/hold-client.ts';
import type { HoldCommand, HoldEvent } from '../src/rpc/client/hold-messages.ts';
import type { BundleHold } from './bundle-hold.ts';
import type { BundleStream } from './bundle-stream.ts';
import type { CredentialKeeper } from './credential-keeper.ts';
import type { Prove } from './proof.ts';

/**
 * One stream to one broker, from dialling to its end.
 *
 * States: dialling → greeting (hello sent, waiting for welcome) → attached → ended; every state ends on an error, on
 * `stop`, and when its time is over. Nothing is kept from one link to the next: the proof is made afresh.
 */
export interface Link {
  /** Carries one more bundle from now on. */
  add(bundle: BundleHold): void;
  carries(bundle: BundleHold): boolean;
  /** No longer carries it; the stream goes on for the others. */
  remove(bundle: BundleHold): void;
  /** Says that no more will be sent and gives the broker a moment to take in what was. Resolves when the stream has ended. */
  stop(): Promise<void>;
  /** Why the stream ended; undefined after `stop` and when the broker ended it without an error. */
  readonly ended: Promise<LeaseholdError | undefined>;
}

export type Welcome = Extract<HoldEvent, { kind: 'welcome' }>;

export interface LinkOptions {
  readonly address: string;
  readonly serverName: string | undefined;
  readonly prove: Prove;
  /** At most 64 bytes, for the broker's log. */
  readonly agent: string;
  readonly bundles: readonly BundleHold[];
  readonly dial: DialHold;
  readonly clock: Clock;
  readonly log: Log;
  /** From the beginning to the welcome, where it is worth no more; `broker_unavailable` after that. */
  readonly patienceMs?: number | undefined;
  readonly onAttached: () => void;
  /** Before the bundles are attached; more may be added then. `send` speaks on this stream. */
  readonly onWelcome?: (welcome: Welcome, send: (command: HoldCommand) => void) => void;
  readonly onRedirect: (redirect: { readonly bundle: BundleHold; readonly address: string }) => void;
}

const connectTimeoutMs = 10_000;
const welcomeTimeoutMs = 20_000;
const stopTimeoutMs = 3_000;

export function openLink(options: LinkOptions): Link {
  const { clock, log } = options;
  const carried = new Set(options.bundles);
  const dialling = new AbortController();
  const { promise: ended, resolve: resolveEnded } = Promise.withResolvers<LeaseholdError | undefined>();

  let stream: HoldStream | undefined;
  let keeper: CredentialKeeper | undefined;
  let isAttached = false;
  let isOver = false;
  let cancelTimer: () => void = () => undefined;
  const cancelPatience =
    options.patienceMs === undefined
      ? () => undefined
      : clock.after(options.patienceMs, () =>
          finish(
            new LeaseholdError('broker_unavailable', { detail: 'no welcome in time, and there are others' }),
          ),
        );

  function finish(error: LeaseholdError | undefined): void {
    if (isOver) return;
    isOver = true;
    cancelTimer();
    cancelPatience();
    dialling.abort();
    keeper?.close();
    stream?.close();
    for (const bundle of carried) if (isAttached) bundle.detach(isOrdinaryEnd(error));
    resolveEnded(error);
  }

  const bundleStream: BundleStream = {
    send: (command) => stream?.send(command),
    fail: (error) => finish(error),
  };

  async function dial(): Promise<void> {
    const proof = await options.prove();
    const dialled = await options.dial({
      endpoint: {
        address: options.address,
        ...proof.endpoint,
        ...(options.serverName === undefined ? {} : { serverName: options.serverName }),
      },
      connectTimeoutMs,
      signal: dialling.signal,
      listener: { onEvent, onEnd: finish },
    });
    if (isOver) {
      dialled.close();
      return;
    }
    stream = dialled;
    keeper = proof.keep((credential) => dialled.send({ kind: 'credential', credential }));
    cancelTimer = clock.after(welcomeTimeoutMs, () =>
      finish(new LeaseholdError('deadline_exceeded', { detail: 'no welcome in time' })),
    );
    dialled.send({ kind: 'hello', credential: proof.credential, agent: options.agent });
  }

  function onEvent(event: HoldEvent): void {
    if (isOver) return;
    switch (event.kind) {
      case 'welcome':
        keeper?.expiresAt(event.credentialExpiresAt);
        if (isAttached) return;
        cancelTimer();
        cancelPatience();
        isAttached = true;
        options.onWelcome?.(event, (command) => stream?.send(command));
        log.info('attached to the broker', { address: options.address, workload: event.workload });
        options.onAttached();
        for (const bundle of carried) bundle.attach(bundleStream);
        return;
      case 'credential_wanted':
        keeper?.sendNow();
        return;
      case 'redirect': {
        const bundle = carriedByName(event.bundle);
        if (bundle !== undefined) options.onRedirect({ bundle, address: event.address });
        return;
      }
      case 'opened':
      case 'refused':
        carriedByName(event.bundle)?.onEvent(event);
        return;
      default:
        // An unknown session is one that this holder has given up a moment ago.
        [...carried].find((bundle) => bundle.owns(event.session))?.onEvent(event);
    }
  }

  function carriedByName(name: string): BundleHold | undefined {
    return [...carried].find((bundle) => bundle.name === name);
  }

  dial().catch((error: unknown) => finish(LeaseholdError.from(error)));

  return {
    ended,
    add: (bundle) => {
      carried.add(bundle);
      if (isAttached && !isOver) bundle.attach(bundleStream);
    },
    carries: (bundle) => carried.has(bundle) && !isOver,
    remove: (bundle) => {
      if (carried.delete(bundle) && isAttached) bundle.detach(true);
    },
    stop: async () => {
      if (stream === undefined) finish(undefined);
      stream?.finish();
      const cancel = clock.after(stopTimeoutMs, () => finish(undefined));
      await ended;
      cancel();
    },
  };
}

/** True for an end that nobody needs to look into. */
export function isOrdinaryEnd(error: LeaseholdError | undefined): boolean {
  return error === undefined || hasCode(error, 'cancelled', 'shutting_down');
}
