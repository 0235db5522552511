import { describe, expect, it } from 'vitest';
import { createKeySet } from '../../../src/identity/keys.ts';
import { silentIdentityEvents } from '../../../src/identity/identity-events.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { FakeClock, settle } from './fake-clock.ts';
import { expectRefusal } from './refusal.ts';
import { jwksOf, signingKey } from './tokens.ts';

const first = signingKey('first');
const second = signingKey('second');
const signal = new AbortController().signal;

function aKeySet(load: () => Promise<Uint8Array> | Uint8Array, options: { refreshMs?: number } = {}) {
  const clock = new FakeClock();
  let loads = 0;
  const outcomes: string[] = [];
  const keys = createKeySet({
    cluster: 'east',
    load: async () => {
      loads += 1;
      return load();
    },
    clock,
    log: silentLog,
    events: { ...silentIdentityEvents, keysFetched: (_cluster, outcome) => outcomes.push(outcome) },
    cooldownMs: 30_000,
    refreshMs: options.refreshMs ?? 600_000,
  });
  return { keys, clock, outcomes, loads: () => loads };
}

describe('createKeySet', () => {
  it('loads once for a flood of invented key ids, and once more after the cool-down', async () => {
    const { keys, clock, loads } = aKeySet(() => jwksOf(first));
    await keys.ready();
    await clock.advance(30_000);
    const flood = () =>
      Promise.all(
        Array.from({ length: 1_000 }, (_, at) =>
          expectRefusal(() => keys.find(`invented-${at}`, signal), 'credential_unknown_key'),
        ),
      );
    await flood();
    await flood();
    expect(loads()).toBe(2);
    await clock.advance(29_999);
    await flood();
    expect(loads()).toBe(2);
    await clock.advance(1);
    await flood();
    expect(loads()).toBe(3);
  });

  it('keeps answering known ids, without a load, while others are refused', async () => {
    const { keys, loads } = aKeySet(() => jwksOf(first));
    await keys.ready();
    await expectRefusal(() => keys.find('invented', signal), 'credential_unknown_key');
    expect((await keys.find('first', signal)).algorithm).toBe('ES256');
    expect(loads()).toBe(1);
  });

  it('finds a key that the cluster has just begun to use', async () => {
    let current = jwksOf(first);
    const { keys, clock } = aKeySet(() => current);
    await keys.ready();
    current = jwksOf(first, second);
    await clock.advance(30_000);
    expect((await keys.find('second', signal)).algorithm).toBe('ES256');
  });

  it('forgets a key that the cluster withdrew', async () => {
    let current = jwksOf(first, second);
    const { keys, clock } = aKeySet(() => current);
    await keys.ready();
    current = jwksOf(second);
    await clock.advance(600_000);
    await expectRefusal(() => keys.find('first', signal), 'credential_unknown_key');
  });

  it('keeps the old keys when the new set is invalid or does not come', async () => {
    let answer = (): Uint8Array => jwksOf(first);
    const { keys, clock, outcomes } = aKeySet(() => answer());
    await keys.ready();
    answer = () => Buffer.from('{"keys":[{"kty":"oct","k":"AAAA","kid":"first"}]}');
    await clock.advance(600_000);
    answer = () => {
      throw new Error('down');
    };
    await clock.advance(600_000);
    expect(outcomes).toEqual(['ok', 'failed', 'failed']);
    expect((await keys.find('first', signal)).algorithm).toBe('ES256');
  });

  it('says that it cannot know, until the first set is there, and goes on trying', async () => {
    let isUp = false;
    const { keys, clock } = aKeySet(() => {
      if (!isUp) throw new Error('down');
      return jwksOf(first);
    });
    const ready = keys.ready();
    const error = await expectRefusal(() => keys.find('first', signal), 'identity_unavailable');
    expect(error.retryAfterMs).toBe(2_000);
    isUp = true;
    await clock.advance(2_000);
    await ready;
    expect(keys.size()).toBe(1);
  });

  it('lets a caller go that gives up, and the others get their answer', async () => {
    const answer = Promise.withResolvers<Uint8Array>();
    const { keys } = aKeySet(() => answer.promise);
    const impatient = new AbortController();
    const refused = expectRefusal(() => keys.find('first', impatient.signal), 'cancelled');
    const served = keys.find('first', signal);
    await settle();
    impatient.abort();
    await refused;
    answer.resolve(jwksOf(first));
    expect((await served).algorithm).toBe('ES256');
  });

  it('leaves no timer behind', async () => {
    const { keys, clock } = aKeySet(() => jwksOf(first));
    await keys.ready();
    keys.close();
    expect(clock.pending).toBe(0);
  });
});
