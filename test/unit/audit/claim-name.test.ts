import { describe, expect, it } from 'vitest';
import { claimName } from '../../../src/audit/claim-name.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { createManualClock } from '../backend/manual-clock.ts';

const turns = async () => {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

function createWorld() {
  const meta = new Map<string, string>();
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
        writeMeta: async (key, value) => void meta.set(key, value),
      },
      name: 'broker-0',
      host: from.host ?? 'one',
      pid: from.pid ?? 1,
      isAlive: () => from.alive ?? true,
      clock,
      log: silentLog,
      signal: new AbortController().signal,
    });
  return { meta, pass, claim };
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

  it('is free at once after its holder has let it go', async () => {
    const { claim } = createWorld();
    await (await claim())[Symbol.asyncDispose]();
    await (await claim({ host: 'two' }))[Symbol.asyncDispose]();
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
