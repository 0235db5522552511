import type { Clock } from '../src/platform/clock.ts';
import { hasCode, type LeaseholdError } from '../src/platform/error.ts';
import type { Log } from '../src/platform/log.ts';
import type { DialHold } from '../src/rpc/client/hold-client.ts';
import type { AilingBrokers } from './ailing-brokers.ts';
import { createBackoff } from './backoff.ts';
import type { BundleHold } from './bundle-hold.ts';
import type { Counters } from './counters.ts';
import { isOrdinaryEnd, openLink, type Link, type LinkOptions } from './link.ts';
import { createPace, isWorkloadGone } from './pace.ts';
import type { Prove } from './proof.ts';

/**
 * Keeps every bundle on a stream.
 *
 * One main link carries the bundles; when it ends, the next address is dialled after a pause. A redirect moves a bundle
 * to a link of its own address, and back to the main one when that link ends.
 */
export interface HoldLoop {
  /** Resolves after `stop`; never rejects. */
  run(): Promise<void>;
  /** Ends the streams in good order, within seconds. Bundles are the caller's. */
  stop(): Promise<void>;
  /** Holds one more bundle from now on; those of a run become known with the welcome. */
  add(bundle: BundleHold): void;
  /** Ends the main stream in good order and opens it anew, with a fresh proof. */
  renew(): void;
  /** True after at least one welcome: a broker has been reached. */
  hasAttached(): boolean;
}

export interface HoldLoopOptions {
  /** host:port each; redirects lead to these only. Tried in turn. */
  readonly addresses: readonly string[];
  readonly serverName: string | undefined;
  readonly prove: Prove;
  readonly agent: string;
  readonly bundles: readonly BundleHold[];
  readonly dial: DialHold;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly counters: Counters;
  readonly onWelcome?: NonNullable<LinkOptions['onWelcome']>;
  /**
   * Where somebody waits for the files: brokers that ail come last, and one is given up after `patienceMs` while another has not been asked, or has
   * redirected a bundle there; after twice that where all others ail, which may be well again. A machine that is gone refuses nothing, and would take
   * all the time there is.
   */
  readonly hurry?: { readonly ailing: AilingBrokers; readonly patienceMs: number };
  /**
   * The main stream was not opened, or has ended. `workload_ended` and `workload_unknown` speak of all bundles, whose files go; what is returned
   * then says when to try again, `slow` where this is left out.
   */
  readonly onEnd?: (error: LeaseholdError | undefined) => 'slow' | 'soon';
}

export const reconnectMs = { first: 500, cap: 30_000 };

export function createHoldLoop(options: HoldLoopOptions): HoldLoop {
  const { clock, log, counters, random } = options;
  // An order of its own: the holders of a broker that dies must not all go to the one that stands next in the common list.
  const addresses = wellFirst(shuffled(options.addresses, random), options.hurry?.ailing);
  const stopping = new AbortController();
  const backoff = createBackoff({ firstMs: reconnectMs.first, capMs: reconnectMs.cap, random });
  const pace = createPace(random);
  const sideLinks = new Map<string, Link>();
  const bundles = new Set(options.bundles);
  const onMain = new Set(options.bundles);
  let main: { readonly link: Link; readonly address: string } | undefined;
  const isStopping = () => stopping.signal.aborted;
  let hasAttached = false;
  let turn = 0;

  function link(
    address: string,
    carried: readonly BundleHold[],
    onAttached: () => void,
    patienceMs?: number,
  ): Link {
    const begunAt = clock.monotonic();
    let isWelcome = false;
    const made = openLink({
      ...options,
      address,
      bundles: carried,
      patienceMs,
      onAttached: () => {
        isWelcome = true;
        hasAttached = true;
        options.hurry?.ailing.note(address, true);
        counters.add('connections_total');
        onAttached();
      },
      onRedirect: ({ bundle, address: to }) => redirect(bundle, address, to),
    });
    void made.ended.then((error) => {
      const { hurry } = options;
      const isSilent = !isWelcome && hasCode(error, 'broker_unavailable', 'deadline_exceeded');
      if (hurry === undefined || !isSilent) return;
      // One that is not there at once costs nobody any time, and may be there the next moment.
      if (clock.monotonic() - begunAt >= hurry.patienceMs / 2) hurry.ailing.note(address, false);
    });
    return made;
  }

  function redirect(bundle: BundleHold, from: string, to: string): void {
    // Whoever can answer for one broker must not be able to send tokens to an address of its own choice.
    if (!addresses.includes(to) || to === from) {
      counters.add('redirects_refused_total');
      log.warn('a redirect to an address that is not configured was refused', { bundle: bundle.name });
      bundle.askAgain('usual');
      return;
    }
    if (options.hurry?.ailing.isAiling(to) === true) {
      // Whoever sends there has not heard yet, and makes new ones itself when it is asked for the third time; somebody waits for that.
      log.warn('a redirect to a broker that did not answer was not followed', { address: to });
      bundle.askAgain('short');
      return;
    }
    log.info('the bundle is redirected', { bundle: bundle.name, address: to });
    if (main?.address === from) {
      onMain.delete(bundle);
      main.link.remove(bundle);
    } else {
      sideLinks.get(from)?.remove(bundle);
    }
    if (main?.address === to) {
      onMain.add(bundle);
      main.link.add(bundle);
    } else {
      addToSide(to, bundle);
    }
  }

  function addToSide(address: string, bundle: BundleHold): void {
    const existing = sideLinks.get(address);
    if (existing !== undefined) {
      existing.add(bundle);
      return;
    }
    const made = link(address, [bundle], () => undefined, options.hurry?.patienceMs);
    sideLinks.set(address, made);
    void made.ended.then((error) => {
      sideLinks.delete(address);
      note(address, error);
      for (const returned of bundles) {
        if (onMain.has(returned) || [...sideLinks.values()].some((side) => side.carries(returned))) continue;
        onMain.add(returned);
        main?.link.add(returned);
      }
    });
  }

  /** Undefined where there is nobody else to ask. */
  function patienceFor(): number | undefined {
    const { hurry } = options;
    const others = addresses.slice(turn + 1);
    if (hurry === undefined || hasAttached || others.length === 0) return undefined;
    return hurry.patienceMs * (others.every((other) => hurry.ailing.isAiling(other)) ? 2 : 1);
  }

  function note(address: string, error: LeaseholdError | undefined): void {
    if (isOrdinaryEnd(error)) {
      log.info('the stream has ended', { address, code: error?.code });
      return;
    }
    counters.add('connection_failures_total');
    log.warn('the stream has failed', { address }, error);
  }

  function pauseAfter(error: LeaseholdError | undefined): number {
    const wishMs = error?.retryAfterMs ?? 0;
    const wish = options.onEnd?.(error) ?? 'slow';
    if (!isWorkloadGone(error?.code)) return Math.max(backoff.next(), wishMs * (1 + random() / 4));
    // Its pod was deleted while no stream stood that could have said so: what is left in place is nobody's.
    for (const bundle of bundles) bundle.workloadGone(error.code);
    return wish === 'soon' ? backoff.next() : pace.slow(wishMs);
  }

  return {
    hasAttached: () => hasAttached,
    add: (bundle) => {
      bundles.add(bundle);
      onMain.add(bundle);
      main?.link.add(bundle);
    },
    renew: () => void main?.link.stop(),
    run: async () => {
      while (!isStopping()) {
        const address = addresses[turn % addresses.length] ?? '';
        const made = link(address, [...onMain], () => backoff.reset(), patienceFor());
        turn += 1;
        main = { link: made, address };
        const error = await made.ended;
        main = undefined;
        if (isStopping()) break;
        note(address, error);
        const pauseMs = pauseAfter(error);
        log.debug('the next attempt comes after a pause', { pauseMs: Math.round(pauseMs) });
        await clock.sleep(pauseMs, stopping.signal).catch(() => undefined);
      }
    },
    stop: async () => {
      stopping.abort();
      await Promise.all([main?.link.stop(), ...[...sideLinks.values()].map((side) => side.stop())]);
    },
  };
}

function wellFirst(addresses: readonly string[], ailing: AilingBrokers | undefined): readonly string[] {
  const rank = (address: string) => (ailing?.isAiling(address) === true ? 1 : 0);
  return addresses.toSorted((a, b) => rank(a) - rank(b));
}

function shuffled<T>(items: readonly T[], random: () => number): readonly T[] {
  const left = [...items];
  const drawn: T[] = [];
  while (left.length > 0) drawn.push(...left.splice(Math.floor(random() * left.length), 1));
  return drawn;
}
