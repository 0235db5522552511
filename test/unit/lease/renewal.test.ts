import { describe, expect, it } from 'vitest';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { aPod, aVerified, createWorld, dbBundle, type Holder, kvBundle, type World } from './world.ts';

const signal = new AbortController().signal;

function works(world: World, { username, password }: ReturnType<Holder['login']>): boolean {
  return world.backend.canLogin(username, password);
}

function callsTo(world: World, operation: string): number {
  return world.backend.calls().filter((call) => call.operation === operation).length;
}

describe('a renewal', () => {
  it('never asks for more than is left until the deadline', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const deadlineAt = holder.last('opened')?.deadlineAt ?? 0;
    for (let passed = 0; passed < 3_580_000; passed += 60_000) {
      await world.pass(60_000);
      for (const { expiresAt } of world.backend.aliveCredentials())
        expect(expiresAt).toBeLessThanOrEqual(deadlineAt);
      for (const { expiresAt } of world.backend.aliveTokens())
        expect(expiresAt).toBeLessThanOrEqual(deadlineAt);
    }
  });

  it('asks for token and leases side by side', async () => {
    await using world = await createWorld();
    const both = Promise.withResolvers<undefined>();
    const asked = new Set<string>();
    world.setAround(async ({ part, method }, proceed) => {
      if (part === 'backend' && method.startsWith('renew')) {
        if (asked.add(method).size === 2) both.resolve(undefined);
        await both.promise;
      }
      return proceed();
    });
    const holder = await world.holder();
    await holder.take('db');
    expect([...asked].sort()).toEqual(['renewLease', 'renewToken']);
    expect(works(world, holder.login())).toBe(true);
  });

  it('of one lease does not wait for another whose database is down', async () => {
    const two = {
      ...dbBundle,
      secrets: [
        { name: 'broken', kind: 'leased', path: 'database/creds/broken', engine: 'read' },
        ...dbBundle.secrets,
      ],
    } as const;
    await using world = await createWorld({ bundles: [two, kvBundle] });
    world.backend.setDynamic('database/creds/broken', {});
    const holder = await world.holder();
    await holder.take('db');
    world.backend.setFault(({ operation, target }) =>
      operation === 'renewLease' && target.startsWith('database/creds/broken')
        ? { fail: 'backend_rejected' }
        : operation === 'read' && target === 'database/creds/broken'
          ? { fail: 'backend_rejected' }
          : undefined,
    );
    const login = holder.login();
    await world.pass(1_500_000);
    expect(works(world, login)).toBe(true);
    expect(holder.last('degraded')).toMatchObject({ code: 'backend_rejected' });
  });

  it('stops under lost knowledge, says so, and makes up for it afterwards', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const { workload } = aPod();
    world.setState(workload, { phase: 'unknown', freshness: 'lost' });
    await world.pass(700_000);
    expect(works(world, holder.login())).toBe(false);
    expect(holder.last('degraded')).toMatchObject({ code: 'workload_stale' });
    expect(holder.last('revoked')).toBeUndefined();
    world.setState(workload, { phase: 'running', freshness: 'fresh' });
    await world.pass(60_000);
    expect(works(world, holder.login())).toBe(true);
    expect(holder.messages.at(-1)?.kind).not.toBe('degraded');
    expect(holder.last('recovered')).toBeDefined();
  });

  it('goes on under stale knowledge, and no values go out under lost knowledge', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('kv');
    await holder.take('db');
    world.setState(aPod().workload, { phase: 'unknown', freshness: 'stale' });
    await world.pass(700_000);
    expect(works(world, holder.login())).toBe(true);
    world.setState(aPod().workload, { phase: 'unknown', freshness: 'lost' });
    const sent = holder.messages.filter(({ kind }) => kind === 'generation').length;
    world.backend.putSecret('secret/data/api', { key: 'canary-v2' });
    await world.pass(100_000);
    await holder.attachment.open({ bundle: 'kv', requestKey: 'k'.repeat(16), resume: undefined }, { signal });
    expect(holder.last('refused')).toMatchObject({ code: 'workload_stale' });
    expect(holder.messages.filter(({ kind }) => kind === 'generation')).toHaveLength(sent);
    world.setState(aPod().workload, { phase: 'running', freshness: 'fresh' });
    await world.pass(100_000);
    const fields = holder.messages
      .filter((message) => message.kind === 'generation')
      .map(
        ({ secrets }) =>
          secrets
            .find(({ name }) => name === 'api')
            ?.fields?.get('key')
            ?.open() ?? [],
      );
    expect(Buffer.from(fields.at(-1) ?? []).toString()).toBe('canary-v2');
  });

  it('that finds its lease set replaced meanwhile asks for no other', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const session = holder.last('opened')?.session ?? '';
    world.backend.setFault(({ operation }) =>
      operation === 'renewToken' && callsTo(world, 'renewToken') === 2 ? { delayMs: 60_000 } : undefined,
    );
    await world.pass(410_000);
    world.backend.setFault(undefined);
    await world.engine().admin.rotate({ selector: { session }, reason: 't', by: 'admin:a', dryRun: false });
    await world.pass(2_000);
    await holder.attachment.delivered({
      session,
      generation: holder.last('generation')?.generation.id ?? '',
    });
    await world.pass(90_000);
    expect(holder.last('generation')?.generation.number).toBe(2);
  });

  it('is not put off by a holder that comes back again and again', async () => {
    await using world = await createWorld();
    let holder = await world.holder();
    await holder.take('db');
    const login = holder.login();
    const resume = {
      session: holder.last('opened')?.session ?? '',
      generation: holder.last('generation')?.generation.id ?? '',
    };
    const renewals: number[] = [];
    for (let second = 0; second < 560; second += 4) {
      await world.pass(4_000);
      renewals.push(callsTo(world, 'renewLease'));
      holder = await world.holder();
      await holder.attachment.open({ bundle: 'db', requestKey: 'k'.repeat(16), resume }, { signal });
    }
    // One for the working ttl, and one in good time: with a third of it left.
    expect(renewals.findIndex((count) => count === 2) * 4).toBeLessThan(480);
    expect(works(world, login)).toBe(true);
  });

  it('is retried at a pace while the backend is away for an hour, and all is well afterwards', async () => {
    await using world = await createWorld({ bundles: [{ ...dbBundle, maxSeconds: 86_400 }, kvBundle] });
    const holder = await world.holder();
    await holder.take('db');
    world.backend.setFault(() => ({ fail: 'backend_unavailable' }));
    const before = world.backend.calls().length;
    await world.pass(3_600_000);
    expect(world.backend.calls().length - before).toBeLessThan(1_200);
    expect(holder.last('degraded')).toMatchObject({ code: 'backend_unavailable' });
    world.backend.setFault(undefined);
    await world.pass(120_000);
    expect(works(world, holder.login())).toBe(true);
    expect(holder.messages.findLast(({ kind }) => kind === 'degraded' || kind === 'recovered')?.kind).toBe(
      'recovered',
    );
    const session = await world.ledger.findSession(holder.last('opened')?.session ?? '');
    await holder.attachment.delivered({
      session: session?.id ?? '',
      generation: holder.last('generation')?.generation.id ?? '',
    });
    await world.pass(60_000);
    expect(world.backend.aliveCredentials()).toHaveLength(1);
    const outstanding = (await world.ledger.count()).credentials.outstanding;
    expect(outstanding).toBe(0);
  });
});

describe('a stream that began under stale knowledge', () => {
  it('may open when knowledge is fresh again and the workload runs', async () => {
    await using world = await createWorld();
    world.setState(aPod().workload, { phase: 'running', freshness: 'stale' });
    const holder = await world.holder(aVerified(), { mayOpen: false });
    await holder.take('kv');
    expect(holder.last('refused')).toMatchObject({ code: 'workload_stale' });
    world.setState(aPod().workload, { phase: 'running', freshness: 'fresh' });
    await holder.take('kv');
    expect(holder.last('generation')).toBeDefined();
  });
});

describe('an audit log that is full', () => {
  it('does not end the stream of a holder that acknowledges or wipes', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const session = holder.last('opened')?.session ?? '';
    world.setAudit(({ action }) => {
      if (action === 'delivered' || action === 'wiped') throw new LeaseholdError('audit_unavailable');
    });
    await holder.attachment.delivered({
      session,
      generation: holder.last('generation')?.generation.id ?? '',
    });
    await holder.attachment.wiped({ session });
    expect(world.engine().events.counters().audit_missed).toBe(2);
  });
});
