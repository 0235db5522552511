import { describe, expect, it } from 'vitest';
import { openStatusEndpoint } from '../../../src/broker/status-endpoint.ts';
import { whyNotServing } from '../../../src/broker/why-not-serving.ts';
import type { CutOffCode } from '../../../src/lease/replicas.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { createMetrics } from '../../../src/platform/metrics.ts';

async function openWorld() {
  const lost = new AbortController();
  const now: { cutOff: CutOffCode | undefined; freshness: 'fresh' | 'stale' } = {
    cutOff: undefined,
    freshness: 'fresh',
  };
  const metrics = createMetrics();
  const endpoint = await openStatusEndpoint({
    listen: { host: '127.0.0.1', port: 0 },
    metrics,
    clusters: {
      status: () => [{ name: 'east', freshness: now.freshness, watchAgeSeconds: 1, pods: 0, keys: 1 }],
    },
    whyNotServing: () =>
      whyNotServing({ engine: { cutOffFrom: () => now.cutOff }, audit: { nameLost: lost.signal } }),
    log: silentLog,
  });
  const ready = async () => {
    const answer = await fetch(`http://${endpoint.address}/readyz`);
    return [answer.status, (await answer.text()).trim()];
  };
  return {
    lost,
    now,
    ready,
    [Symbol.asyncDispose]: async () => {
      await endpoint[Symbol.asyncDispose]();
      await metrics[Symbol.asyncDispose]();
    },
  };
}

describe('/readyz', () => {
  it.each([
    ['ledger_unavailable', 'cut off from the ledger, which other brokers reach'],
    ['backend_unavailable', 'cut off from the secret backend, which other brokers reach'],
    ['audit_unavailable', 'cut off from its audit log, while other brokers write theirs'],
  ] as const)('says what the broker alone has lost: %s', async (code, text) => {
    await using world = await openWorld();
    world.now.cutOff = code;
    expect(await world.ready()).toEqual([503, text]);
    world.now.cutOff = undefined;
    expect(await world.ready()).toEqual([200, 'ok']);
  });

  it('is never ready again after another broker has taken the name of this one', async () => {
    await using world = await openWorld();
    world.lost.abort();
    expect(await world.ready()).toEqual([503, 'another broker has taken the name of this replica']);
  });

  it('waits for the clusters', async () => {
    await using world = await openWorld();
    world.now.freshness = 'stale';
    expect(await world.ready()).toEqual([503, 'waiting for the clusters']);
  });
});
