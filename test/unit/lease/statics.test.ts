import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createWorld } from './world.ts';

describe('a reading of static secrets', () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown) => void unhandled.push(error);
  beforeEach(() => {
    unhandled.length = 0;
    process.on('unhandledRejection', note);
  });
  afterEach(() => void process.off('unhandledRejection', note));

  it('that nobody waits for any more fails without bringing the broker down', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    world.backend.setFault(({ operation }) =>
      operation === 'createToken' ? { fail: 'backend_unavailable' } : undefined,
    );
    await holder.attachment.open(
      { bundle: 'kv', requestKey: 'k'.repeat(16), resume: undefined },
      { signal: AbortSignal.abort() },
    );
    await world.settle();
    expect(unhandled).toEqual([]);
    expect(world.records.at(-1)).toMatchObject({ action: 'open', outcome: 'failed', code: 'cancelled' });
  });
});
