import { expect, it } from 'vitest';
import { type AilingBrokers, createAilingBrokers } from '../../../sidecar/ailing-brokers.ts';
import type { BundleHold } from '../../../sidecar/bundle-hold.ts';
import { createCounters } from '../../../sidecar/counters.ts';
import { createHoldLoop } from '../../../sidecar/hold.ts';
import { type Clock, systemClock } from '../../../src/platform/clock.ts';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { silentLog } from '../../../src/platform/log.ts';
import type { DialHold } from '../../../src/rpc/client/hold-client.ts';
import { aProof } from './a-proof.ts';
import { createFastClock } from './fast-clock.ts';

/** One bundle that asks through whatever it is attached to. */
function askingBundle(asks: string[]): BundleHold {
  return {
    name: 'db',
    recover: async () => undefined,
    attach: (stream) => stream.send({ kind: 'open', bundle: 'db', requestKey: 'k', resume: undefined }),
    detach: () => undefined,
    owns: () => false,
    onEvent: () => undefined,
    workloadGone: () => undefined,
    askAgain: (pause) => void asks.push(pause),
    isReady: () => false,
    sessions: () => [],
    giveUp: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** Two brokers, asked in this order by who is in a hurry: b1 and b2. */
async function hold(options: {
  readonly ailing: AilingBrokers;
  readonly clock: Clock;
  /** What becomes of a dial to each; `well` welcomes, and redirects whoever asks to b2. */
  readonly b1: 'well' | 'silent' | 'refuses';
  readonly b2: 'well' | 'silent' | 'refuses';
}) {
  const dials: string[] = [];
  const asks: string[] = [];
  const dial: DialHold = async ({ endpoint, listener, signal }) => {
    dials.push(endpoint.address);
    const way = endpoint.address === 'b1:1' ? options.b1 : options.b2;
    if (way === 'refuses') throw new LeaseholdError('broker_unavailable');
    if (way === 'silent') await new Promise((_resolve, reject) => signal.addEventListener('abort', reject));
    return {
      send: (command) => {
        setImmediate(() => {
          if (command.kind === 'hello')
            listener.onEvent({
              kind: 'welcome',
              spiffeId: '',
              workload: 'run/a/1/2',
              credentialExpiresAt: 0,
            });
          if (command.kind === 'open')
            listener.onEvent({ kind: 'redirect', bundle: 'db', session: 's', address: 'b2:1', epoch: 1 });
        });
      },
      finish: () => listener.onEnd(undefined),
      close: () => undefined,
    };
  };
  const loop = createHoldLoop({
    addresses: ['b1:1', 'b2:1'],
    serverName: undefined,
    prove: aProof,
    agent: 'test',
    bundles: [askingBundle(asks)],
    dial,
    clock: options.clock,
    random: () => 0,
    log: silentLog,
    counters: createCounters(),
    hurry: { ailing: options.ailing, patienceMs: 2_000 },
  });
  const running = loop.run();
  return {
    dials,
    asks,
    loop,
    [Symbol.asyncDispose]: async () => {
      await loop.stop();
      await running;
    },
  };
}

it('leaves an owner that does not answer after its patience, and does not go there again while that ails', async () => {
  const clock = createFastClock(20);
  const ailing = createAilingBrokers({ clock });
  await using held = await hold({ ailing, clock, b1: 'well', b2: 'silent' });
  await expect.poll(() => held.asks).toEqual(['short']);
  expect(held.dials).toEqual(['b1:1', 'b2:1']);
  expect(ailing.isAiling('b2:1')).toBe(true);
});

// The other one may have been started anew since it ailed.
it('leaves a broker that does not answer also where the only other one has ailed', async () => {
  const clock = createFastClock(20);
  const ailing = createAilingBrokers({ clock });
  ailing.note('b2:1', false);
  await using held = await hold({ ailing, clock, b1: 'silent', b2: 'well' });
  await expect.poll(() => held.loop.hasAttached()).toBe(true);
  expect(held.dials).toEqual(['b1:1', 'b2:1']);
  expect([ailing.isAiling('b1:1'), ailing.isAiling('b2:1')]).toEqual([true, false]);
});

it('does not take a broker for ailing that nobody has waited for', async () => {
  const clock = systemClock;
  const ailing = createAilingBrokers({ clock });
  await using held = await hold({ ailing, clock, b1: 'refuses', b2: 'well' });
  await expect.poll(() => held.loop.hasAttached()).toBe(true);
  expect(held.dials).toEqual(['b1:1', 'b2:1']);
  expect(ailing.isAiling('b1:1')).toBe(false);
});
