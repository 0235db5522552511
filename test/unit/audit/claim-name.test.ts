import { describe, expect, it } from 'vitest';
import { claimName } from '../../../src/audit/claim-name.ts';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { createManualClock } from '../backend/manual-clock.ts';

const turns = async () => {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

function createWorld() {
  const meta = new Map<string, string>();
  let answersToLose = 0;
  const isAnswerLost = () => answersToLose > 0 && (answersToLose -= 1) >= 0;
  const clock = createManualClock();
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 1_000) {
      clock.advance(1_000);
      await turns();
    }
  };
  const claim = (from: { readonly host?: string; readonly pid?: number; readonly alive?: boolean } = {}) =>
    claimName({
      ledger: {
        readMeta: async (key) => meta.get(key),
        replaceMeta: async ({ key, from, to }) => {
          const isFirst = meta.get(key) === from;
          if (isFirst && to !== undefined) meta.set(key, to);
          if (isFirst && to === undefined) meta.delete(key);
          if (isFirst && isAnswerLost()) throw new LeaseholdError('ledger_unavailable');
          return isFirst;
        },
      },
      name: 'broker-0',
      host: from.host ?? 'one',
      pid: from.pid ?? 1,
      isAlive: () => from.alive ?? true,
      clock,
      log: silentLog,
      signal: new AbortController().signal,
    });
  return { meta, pass, claim, loseAnswers: (count: number) => void (answersToLose = count) };
}

describe('the name of a replica', () => {
  it('is refused to a second broker while the first lives', async () => {
    const { claim, pass } = createWorld();
    const first = await claim();
    const second = claim({ host: 'two' });
    const refused = expect(second).rejects.toMatchObject({
      code: 'config_invalid',
      detail: 'replica.name: another broker lives under the name broker-0',
    });
    await pass(10_000);
    await refused;
    expect(first.lost.aborted).toBe(false);
    await first[Symbol.asyncDispose]();
  });

  it.each([
    ['that nobody has', undefined, 0],
    ['that an older version has let go', '{"life":"","host":"one","pid":7,"beat":0}', 0],
    ['whose holder was killed', '{"life":"lif_x","host":"three","pid":7,"beat":3}', 6_000],
  ])('%s goes to one of two brokers that start at once', async (_which, held, ms) => {
    const { claim, pass, meta } = createWorld();
    if (held !== undefined) meta.set('replica_name/broker-0', held);
    const claiming = Promise.allSettled([claim(), claim({ host: 'two' })]);
    await turns();
    await pass(ms);
    const claims = await claiming;
    const refused = claims.flatMap((one): unknown[] => (one.status === 'rejected' ? [one.reason] : []));
    expect(refused).toHaveLength(1);
    expect(refused[0]).toMatchObject({ code: 'config_invalid' });
    await pass(20_000);
    for (const one of claims) {
      if (one.status === 'rejected') continue;
      expect(one.value.lost.aborted).toBe(false);
      await one.value[Symbol.asyncDispose]();
    }
  });

  it('is free at once after its holder has let it go, and leaves nothing behind', async () => {
    const { claim, meta } = createWorld();
    await (await claim())[Symbol.asyncDispose]();
    expect([...meta]).toEqual([]);
    await (await claim({ host: 'two' }))[Symbol.asyncDispose]();
  });

  it('stays with its holder when the ledger lost an answer, or was restored from a copy without it', async () => {
    const { claim, pass, meta, loseAnswers } = createWorld();
    const held = await claim();
    loseAnswers(2);
    await pass(30_000);
    expect(held.lost.aborted).toBe(false);
    meta.clear();
    await pass(10_000);
    expect(held.lost.aborted).toBe(false);
    const [before] = meta.values();
    await pass(10_000);
    expect([...meta.values()]).not.toEqual([before]);
    await held[Symbol.asyncDispose]();
    expect([...meta]).toEqual([]);
  });

  it('is free at once when its holder was a process of this machine that is no more', async () => {
    const { claim, meta } = createWorld();
    meta.set('replica_name/broker-0', '{"life":"lif_x","host":"one","pid":7,"beat":3}');
    await (await claim({ alive: false }))[Symbol.asyncDispose]();
  });

  it.each([
    ['of another machine', '{"life":"lif_x","host":"two","pid":7,"beat":3}'],
    ['with our own process number, as in a container', '{"life":"lif_x","host":"one","pid":1,"beat":3}'],
  ])('is free after it was watched when its holder was killed: %s', async (_what, held) => {
    const { claim, pass, meta } = createWorld();
    meta.set('replica_name/broker-0', held);
    let isClaimed = false;
    const claiming = claim({ alive: false }).then((claimed) => {
      isClaimed = true;
      return claimed;
    });
    await turns();
    expect(isClaimed).toBe(false);
    await pass(6_000);
    await (await claiming)[Symbol.asyncDispose]();
  });

  it('is given up by a holder that finds another one there', async () => {
    const { claim, pass, meta } = createWorld();
    const first = await claim();
    const other = '{"life":"lif_x","host":"two","pid":7,"beat":3}';
    meta.set('replica_name/broker-0', other);
    await pass(6_000);
    expect(first.lost.aborted).toBe(true);
    await first[Symbol.asyncDispose]();
    expect(meta.get('replica_name/broker-0')).toBe(other);
  });

  it('is taken over from what cannot be read', async () => {
    const { claim, meta } = createWorld();
    meta.set('replica_name/broker-0', 'not JSON');
    await (await claim())[Symbol.asyncDispose]();
  });
});
