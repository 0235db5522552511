import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { aPod, aVerified, createWorld, dbBundle, type Holder } from './world.ts';

function keyOf(holder: Holder): string {
  const fields = holder.last('generation')?.secrets.find(({ name }) => name === 'api')?.fields;
  return Buffer.from(fields?.get('key')?.open() ?? []).toString();
}

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

describe('a new version of static secrets', () => {
  it('reaches who could not be told at first', async () => {
    await using world = await createWorld();
    const [first, second] = [
      await world.holder(aVerified(aPod('u1'))),
      await world.holder(aVerified(aPod('u2'))),
    ];
    await first.take('kv');
    await second.take('kv');
    world.setAudit(({ action, workload }) => {
      if (action === 'deliver' && workload === 'pod/a/u2') throw new LeaseholdError('audit_unavailable');
    });
    world.backend.putSecret('secret/data/api', { key: 'canary-v2' });
    await world.pass(70_000);
    expect([keyOf(first), keyOf(second)]).toEqual(['canary-v2', 'canary-v1']);
    world.setAudit(() => undefined);
    await world.pass(40_000);
    expect(keyOf(second)).toBe('canary-v2');
  });

  it('reaches who was being opened when it came', async () => {
    await using world = await createWorld({ bundles: [{ ...dbBundle, refreshSeconds: 10 }] });
    const holder = await world.holder(aVerified(aPod('u1')));
    await holder.take('db');
    let isLate = false;
    const late = await world.holder(aVerified(aPod('u2')));
    world.setReach(async (step) => {
      if (step !== 'lease.recorded' || isLate) return;
      isLate = true;
      world.backend.putSecret('secret/data/api', { key: 'canary-v2' });
      await world.pass(25_000);
    });
    await late.take('db');
    await world.pass(70_000);
    expect([keyOf(holder), keyOf(late)]).toEqual(['canary-v2', 'canary-v2']);
  });

  it('does not wait for another bundle whose backend hangs', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('kv');
    await holder.take('db');
    world.backend.putSecret('secret/data/api', { key: 'canary-v2' });
    world.backend.setFault(({ operation, target }) =>
      operation === 'createToken' && target === 'leasehold-db' ? { delayMs: 10_000_000 } : undefined,
    );
    await world.pass(100_000);
    expect(keyOf(holder)).toBe('canary-v2');
  });
});

describe('a policy that adds a leased secret to a bundle', () => {
  it('leads to new leases, not to a generation that names what the holder does not have', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    world.backend.setDynamic('database/creds/second', {});
    const second = { name: 'second', kind: 'leased', path: 'database/creds/second', engine: 'read' } as const;
    world.setBundles([{ ...dbBundle, secrets: [...dbBundle.secrets, second] }]);
    world.backend.putSecret('secret/data/api', { key: 'canary-v2' });
    await world.pass(100_000);
    const generations = holder.messages.filter((message) => message.kind === 'generation').slice(1);
    const told = generations.map(
      ({ secrets }) => secrets.find(({ name }) => name === 'second')?.fields?.size,
    );
    expect(told[0]).toBe(2);
    expect(keyOf(holder)).toBe('canary-v2');
  });
});

describe('values of static secrets', () => {
  it('are not kept when nobody holds the bundle any more', async () => {
    await using world = await createWorld();
    const reads = () => world.backend.calls().filter(({ operation }) => operation === 'read').length;
    const holder = await world.holder();
    await holder.take('kv');
    await holder.attachment.detach();
    await world.pass(35_000);
    const before = reads();
    await (await world.holder(aVerified(aPod('u2')))).take('kv');
    expect(reads()).toBe(before + 1);
  });
});
