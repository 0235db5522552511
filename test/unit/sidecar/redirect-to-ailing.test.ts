import { expect, it } from 'vitest';
import { createAilingBrokers } from '../../../sidecar/ailing-brokers.ts';
import type { BundleHold } from '../../../sidecar/bundle-hold.ts';
import { createCounters } from '../../../sidecar/counters.ts';
import { createHoldLoop } from '../../../sidecar/hold.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { Secret } from '../../../src/platform/secret.ts';
import type { DialHold } from '../../../src/rpc/client/hold-client.ts';
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
    askAgain: () => void asks.push('again'),
    isReady: () => false,
    sessions: () => [],
    giveUp: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

it('leaves an owner that does not answer after its patience, and does not go there again while that ails', async () => {
  const clock = createFastClock(20);
  const ailing = createAilingBrokers({ clock });
  const dials: string[] = [];
  const asks: string[] = [];
  // The first address welcomes, and redirects whoever asks to the second, which never answers.
  const dial: DialHold = async ({ endpoint, listener, signal }) => {
    dials.push(endpoint.address);
    if (endpoint.address === 'b2:1')
      await new Promise((_resolve, reject) => signal.addEventListener('abort', reject));
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
    prove: async () => ({
      credential: Secret.ofText('token-1'),
      endpoint: { ca: Buffer.from('ca') },
      keep: () => ({ expiresAt: () => undefined, sendNow: () => undefined, close: () => undefined }),
    }),
    agent: 'test',
    bundles: [askingBundle(asks)],
    dial,
    clock,
    // With it the first address is dialled first.
    random: () => 0,
    log: silentLog,
    counters: createCounters(),
    hurry: { ailing, patienceMs: 2_000 },
  });
  const running = loop.run();
  await expect.poll(() => asks).toEqual(['again']);
  expect(dials).toEqual(['b1:1', 'b2:1']);
  expect(ailing.isAiling('b2:1')).toBe(true);
  await loop.stop();
  await running;
});
