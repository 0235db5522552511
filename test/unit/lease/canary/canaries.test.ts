import { describe, expect, it } from 'vitest';
import { canaryWorkload } from '../../../../src/platform/canary-workload.ts';
import { LeaseholdError } from '../../../../src/platform/error.ts';
import type { Bundle } from '../../../../src/policy/bundle.ts';
import { createWorld, dbBundle, kvBundle, type World, type WorldOptions } from '../world.ts';

const app = 'database/creds/app';
const reports = 'database/creds/reports';
const interval = 120_000;
const canary = { intervalMs: interval };

const reportsBundle: Bundle = {
  ...dbBundle,
  name: 'reports',
  tokenRole: 'leasehold-reports',
  secrets: [{ name: 'login', kind: 'leased', path: reports, engine: 'read' }],
};

async function aWorld(options: WorldOptions = {}): Promise<World> {
  const world = await createWorld({ ...options, settings: { canary, ...options.settings } });
  world.backend.setDynamic(reports, {});
  return world;
}

const known = (world: World, path = app, replica = 0) =>
  world
    .engine(replica)
    .canaries.known()
    .find((status) => status.path === path);
const calls = (world: World, operation: string, target?: string) =>
  world.backend
    .calls()
    .filter((call) => call.operation === operation && (target === undefined || call.target === target))
    .length;
const canariesOf = (world: World, path = app) =>
  world.ledger.listSessions({ workload: canaryWorkload(path), limit: 100 });
const refuse = (world: World, ...operations: readonly string[]) =>
  world.backend.setFault(({ operation }) =>
    operations.includes(operation) ? { fail: 'backend_rejected' } : undefined,
  );

describe('no canary', () => {
  it('is sent when none was asked for', async () => {
    await using world = await createWorld();
    await world.pass(3 * interval);
    expect(calls(world, 'createToken')).toBe(0);
    expect(calls(world, 'read')).toBe(0);
    expect(calls(world, 'checkHealth')).toBe(0);
    expect(await world.ledger.listSessions({ limit: 10 })).toEqual([]);
    expect(world.engine().canaries.known()).toEqual([]);
    expect(await world.engine().admin.listCanaries({ by: 'admin:a' })).toEqual({
      isEnabled: false,
      canaries: [],
    });
  });

  it('is sent to a static secret, or to a path that was not named', async () => {
    await using world = await aWorld({
      bundles: [dbBundle, kvBundle, reportsBundle],
      settings: { canary: { ...canary, paths: [reports] } },
    });
    await world.pass(60_000);
    expect(calls(world, 'read', 'secret/data/api')).toBe(0);
    expect(calls(world, 'read', app)).toBe(0);
    expect(calls(world, 'read', reports)).toBe(1);
    expect(known(world)).toBeUndefined();
  });

  it('is sent while the backend is away, and one is as soon as it is back', async () => {
    await using world = await aWorld();
    world.backend.setFault(({ operation }) =>
      operation === 'checkHealth' ? { fail: 'backend_unavailable' } : undefined,
    );
    await world.pass(120_000);
    expect(calls(world, 'createToken')).toBe(0);
    expect(await canariesOf(world)).toEqual([]);
    expect(known(world)?.outcome).toBe('waiting');
    world.backend.setFault(undefined);
    await world.pass(15_000);
    expect(known(world)?.outcome).toBe('passed');
  });

  it('is sent where a lock refuses its bundle to everybody', async () => {
    await using world = await aWorld({ settings: { canary: { ...canary, paths: [app] } } });
    // Nothing has happened yet: the first look is still to come.
    const { lock } = await world
      .engine()
      .admin.addLock({ selector: { bundle: 'db' }, reason: 'x', by: 'admin:a', dryRun: false });
    await world.pass(120_000);
    expect(calls(world, 'createToken')).toBe(0);
    await world.engine().admin.removeLock({ id: lock.id, reason: 'x', by: 'admin:a' });
    await world.pass(15_000);
    expect(known(world)?.outcome).toBe('passed');
  });

  it('is sent without its record', async () => {
    await using world = await aWorld();
    world.setAuditBroken(true);
    await world.pass(30_000);
    expect(calls(world, 'createToken')).toBe(0);
    expect(known(world)).toMatchObject({ outcome: 'waiting', session: undefined });
    world.setAuditBroken(false);
    // What it began has to be settled first: nobody else could know that nothing was sent.
    await world.pass(300_000);
    expect(known(world)?.outcome).toBe('passed');
  });

  it('is sent where the revocation of a session is known to fail', async () => {
    await using world = await aWorld();
    const holder = await world.holder();
    await holder.take('db');
    const made = calls(world, 'createToken');
    refuse(world, 'revokeLease');
    await world.engine().admin.revoke({
      selector: { namespace: 'ml' },
      reason: 'x',
      by: 'admin:a',
      dryRun: false,
    });
    await world.settle();
    await world.pass(120_000);
    expect(calls(world, 'createToken')).toBe(made);
    world.backend.setFault(undefined);
    await world.pass(60_000);
    expect(known(world)?.outcome).toBe('passed');
  });
});

describe('a canary', () => {
  it('is issued, not extended, revoked and seen gone, once in each interval', async () => {
    await using world = await aWorld();
    await world.pass(10_000);
    const [session] = await canariesOf(world);
    expect(known(world)).toEqual({
      path: app,
      bundle: 'db',
      outcome: 'passed',
      why: undefined,
      ranAt: session?.createdAt,
      session: session?.id,
      passedAt: session?.endedAt,
      nextAt: (session?.createdAt ?? 0) + interval,
    });
    expect(world.backend.aliveCredentials()).toEqual([]);
    expect(world.backend.aliveTokens()).toEqual([]);
    expect([calls(world, 'renewToken'), calls(world, 'renewLease')]).toEqual([0, 0]);
    expect(
      world.records.map(({ action, outcome, actor, settlement }) => [action, outcome, actor, settlement]),
    ).toEqual([
      ['open', 'ok', 'broker', undefined],
      ['issue', 'ok', 'broker', undefined],
      ['revoke', 'ok', 'broker', undefined],
      ['settle', 'ok', 'broker', 'confirmed'],
    ]);
    expect(new Set(world.records.map(({ workload }) => workload))).toEqual(new Set([canaryWorkload(app)]));
    await world.pass(interval - 60_000);
    expect(await canariesOf(world)).toHaveLength(1);
    await world.pass(3 * interval);
    expect(await canariesOf(world)).toHaveLength(4);
    expect(known(world)?.outcome).toBe('passed');
  });

  it('is not repeated by a restart', async () => {
    await using world = await aWorld();
    await world.pass(10_000);
    await world.restart();
    await world.pass(60_000);
    expect(await canariesOf(world)).toHaveLength(1);
    expect(known(world)?.outcome).toBe('passed');
  });

  it('is not sent while its broker is on its way out', async () => {
    await using world = await aWorld();
    await world.engine().sessions.drain({ signal: new AbortController().signal });
    await world.pass(30_000);
    expect(await canariesOf(world)).toEqual([]);
  });

  it('that passed long ago is remembered through many that failed, and by a new broker', async () => {
    await using world = await aWorld();
    await world.pass(10_000);
    const passedAt = known(world)?.passedAt;
    refuse(world, 'read');
    await world.pass(3 * interval);
    await world.restart();
    await world.pass(30_000);
    expect(passedAt).toBeGreaterThan(0);
    expect(known(world)).toMatchObject({ outcome: 'issue_failed', passedAt });
  });

  it('that is stuck is still told as such while its backend is away', async () => {
    await using world = await aWorld();
    let code: 'backend_rejected' | 'backend_sealed' = 'backend_rejected';
    world.backend.setFault(({ operation }) =>
      operation === 'revokeLease' || operation === 'lookupLease' ? { fail: code } : undefined,
    );
    await world.pass(20_000);
    code = 'backend_sealed';
    await world.pass(120_000);
    expect(known(world)).toMatchObject({ outcome: 'revoke_failed', why: 'backend_rejected' });
  });

  it('at a path that the ledger cannot tell about now keeps no other from being looked at', async () => {
    await using world = await aWorld({ bundles: [dbBundle, reportsBundle] });
    await world.pass(15_000);
    let failures = 0;
    world.setLedger((method) => {
      if (method !== 'findSession' || failures > 0) return;
      failures += 1;
      throw new LeaseholdError('ledger_unavailable');
    });
    await world.restart();
    await world.pass(2_500);
    expect([failures, known(world), known(world, reports)?.outcome]).toEqual([1, undefined, 'passed']);
    await world.pass(10_000);
    expect(known(world)?.outcome).toBe('passed');
  });

  it('is one at a time at one broker', async () => {
    const many = Array.from({ length: 5 }, (_one, index): Bundle => {
      const path = `database/creds/r${index}`;
      return {
        ...reportsBundle,
        name: `r${index}`,
        secrets: [{ name: 'login', kind: 'leased', path, engine: 'read' }],
      };
    });
    await using world = await aWorld({ bundles: many });
    for (const { secrets } of many) world.backend.setDynamic(secrets[0]?.path ?? '', {});
    let most = 0;
    world.backend.setFault(() => {
      most = Math.max(most, world.backend.aliveTokens().length);
      return undefined;
    });
    await world.pass(30_000);
    expect(calls(world, 'createToken')).toBe(5);
    expect(most).toBe(1);
  });

  it('that cannot be revoked is told with why, collects no others, and is over when it is gone', async () => {
    await using world = await aWorld({ bundles: [dbBundle, reportsBundle] });
    world.backend.setFault(({ operation, target }) =>
      operation === 'revokeLease' && target.startsWith(app) ? { fail: 'backend_rejected' } : undefined,
    );
    await world.pass(20_000);
    expect(known(world)).toMatchObject({
      outcome: 'revoke_failed',
      why: 'backend_rejected',
      passedAt: undefined,
      nextAt: undefined,
    });
    // The memory backend ends its leases by itself: what is looked at here is that none is added.
    const before = calls(world, 'read', app);
    await world.pass(40_000);
    expect(calls(world, 'read', app)).toBe(before);
    expect(known(world, reports)?.outcome).toBe('passed');
    world.backend.setFault(undefined);
    await world.pass(40_000);
    expect(known(world)?.outcome).not.toBe('revoke_failed');
    expect(world.backend.aliveCredentials()).toEqual([]);
    await world.pass(interval);
    expect(known(world)?.outcome).toBe('passed');
  });

  it('that stays stuck for long is the only one at its path, and a new broker says the same of it', async () => {
    await using world = await aWorld();
    // A lease that its backend cannot end either is there for ever.
    world.backend.setDynamic(app, { ttlSeconds: 60 });
    world.backend.setFault(({ operation }) =>
      operation === 'revokeLease' || operation === 'lookupLease' ? { fail: 'backend_rejected' } : undefined,
    );
    await world.pass(12 * interval);
    expect(await canariesOf(world)).toHaveLength(1);
    expect(known(world)?.outcome).toBe('revoke_failed');
    await world.restart();
    await world.pass(30_000);
    expect(known(world)).toMatchObject({ outcome: 'revoke_failed', why: 'backend_rejected' });
    const { canaries } = await world.engine().admin.listCanaries({ by: 'admin:a' });
    expect(canaries).toMatchObject([{ path: app, outcome: 'revoke_failed', why: 'backend_rejected' }]);
    expect(world.records.at(-1)).toMatchObject({ action: 'admin_read', actor: 'admin:a' });
  });

  it('that a person wrote off keeps the alarm until one passes', async () => {
    await using world = await aWorld();
    world.backend.setFault(({ operation }) =>
      operation === 'revokeLease' || operation === 'lookupLease' ? { fail: 'backend_rejected' } : undefined,
    );
    await world.pass(20_000);
    const session = await world.ledger.findSession((await canariesOf(world))[0]?.id ?? '');
    const lease = session?.leaseSets[0]?.credentials.find(({ kind }) => kind === 'lease');
    await world.engine().admin.writeOff({ credential: lease?.id ?? '', reason: 'x', by: 'admin:a' });
    world.backend.setFault(undefined);
    await world.pass(60_000);
    expect(known(world)).toMatchObject({
      outcome: 'revoke_failed',
      nextAt: (session?.createdAt ?? 0) + interval,
    });
    await world.pass(interval);
    expect(known(world)?.outcome).toBe('passed');
  });

  it('for which nothing can be issued is told with why, leaves nothing, and comes again at its time', async () => {
    await using world = await aWorld();
    refuse(world, 'read');
    await world.pass(20_000);
    expect(known(world)).toMatchObject({ outcome: 'issue_failed', why: 'backend_rejected' });
    expect(world.backend.aliveTokens()).toEqual([]);
    expect(world.records.find(({ action }) => action === 'revoke')).toMatchObject({
      reason: 'issue_failed: backend_rejected',
    });
    world.backend.setFault(undefined);
    await world.pass(interval - 60_000);
    expect(calls(world, 'read')).toBe(1);
    await world.pass(120_000);
    expect(known(world)?.outcome).toBe('passed');
  });

  it('whose backend goes away in the middle says nothing, and another comes soon', async () => {
    await using world = await aWorld();
    let isAway = true;
    world.backend.setFault(({ operation }) =>
      isAway && operation === 'createToken' ? { fail: 'backend_unavailable' } : undefined,
    );
    await world.pass(10_000);
    isAway = false;
    expect(known(world)?.outcome).toBe('waiting');
    await world.pass(300_000);
    expect(known(world)?.outcome).toBe('passed');
  });

  it('leaves no tombstone when an administrator takes back everything', async () => {
    await using world = await aWorld();
    world.setReach(async (step) => {
      if (step !== 'token.created') return;
      world.setReach(() => undefined);
      await world
        .engine()
        .admin.revoke({ selector: { all: true }, reason: 'drill', by: 'admin:a', dryRun: false });
    });
    await world.pass(30_000);
    expect((await canariesOf(world)).at(-1)?.end?.reason).toBe('admin');
    expect(await world.ledger.listTombstones()).toEqual([]);
    expect(world.backend.aliveCredentials()).toEqual([]);
    await world.pass(2 * interval);
    expect(known(world)?.outcome).toBe('passed');
  });

  it('is not sent any more to what has left the policy', async () => {
    await using world = await aWorld({ bundles: [dbBundle, reportsBundle] });
    await world.pass(20_000);
    world.setBundles([dbBundle]);
    await world.pass(2 * interval);
    expect(known(world, reports)).toBeUndefined();
    expect(await canariesOf(world, reports)).toHaveLength(1);
  });
});

describe('a canary that a person asks for', () => {
  const ask = (world: World, path = app) => world.engine().admin.runCanary({ path, by: 'admin:ann' });

  it('is refused for a path without canaries, and where none are configured', async () => {
    await using world = await aWorld();
    await expect(ask(world, 'secret/data/api')).rejects.toMatchObject({ code: 'request_invalid' });
    await using without = await createWorld();
    await expect(ask(without)).rejects.toMatchObject({ code: 'request_invalid' });
    expect([calls(world, 'createToken'), calls(without, 'createToken')]).toEqual([0, 0]);
  });

  it('is refused while the backend is away, and where a lock is', async () => {
    await using world = await aWorld();
    await world.pass(10_000);
    world.backend.setFault(({ operation }) =>
      operation === 'checkHealth' ? { fail: 'backend_sealed' } : undefined,
    );
    await expect(ask(world)).rejects.toMatchObject({ code: 'backend_sealed' });
    world.backend.setFault(undefined);
    await world
      .engine()
      .admin.addLock({ selector: { bundle: 'db' }, reason: 'x', by: 'admin:a', dryRun: false });
    await expect(ask(world)).rejects.toMatchObject({ code: 'locked' });
    expect(calls(world, 'createToken')).toBe(1);
  });

  it('is not sent beside one that is stuck', async () => {
    await using world = await aWorld();
    world.backend.setFault(({ operation }) =>
      operation === 'revokeLease' || operation === 'lookupLease' ? { fail: 'backend_rejected' } : undefined,
    );
    await world.pass(20_000);
    expect(await ask(world)).toMatchObject({ session: undefined, status: { outcome: 'revoke_failed' } });
    expect(calls(world, 'createToken')).toBe(1);
  });

  it('is sent before its time, on record with who asked, and the next one comes an interval later', async () => {
    await using world = await aWorld();
    refuse(world, 'read');
    await world.pass(10_000);
    expect(known(world)?.outcome).toBe('issue_failed');
    world.backend.setFault(undefined);
    const { session } = await ask(world);
    await world.pass(5_000);
    expect(known(world)).toMatchObject({ outcome: 'passed', session });
    expect(world.records.filter(({ action }) => action === 'open').map(({ actor }) => actor)).toEqual([
      'broker',
      'admin:ann',
    ]);
    await world.pass(interval - 30_000);
    expect(await canariesOf(world)).toHaveLength(2);
  });
});

describe('of several brokers', () => {
  it('one sends each canary', async () => {
    await using world = await aWorld({ replicas: 3 });
    await world.pass(3 * interval + 120_000);
    expect(await canariesOf(world)).toHaveLength(4);
    expect(calls(world, 'createToken')).toBe(4);
    for (const replica of [0, 1, 2]) expect(known(world, app, replica)?.outcome).toBe('passed');
    expect(world.records.filter(({ action }) => action === 'open')).toHaveLength(4);
  });

  it.each([
    'session.begun',
    'token.created',
    'token.recorded',
    'lease.read',
    'lease.recorded',
    'revoke.begun',
    'revoke.lease',
    'revoke.settled',
    'revoke.recorded',
  ] as const)('another settles what one left that died at %s, and sends the next', async (step) => {
    await using world = await aWorld({ replicas: 2 });
    let death: Promise<void> | undefined;
    world.setReach((reached) => {
      if (reached !== step || death !== undefined) return undefined;
      const [one] = [0, 1].filter((replica) => known(world, app, replica) !== undefined);
      death = world.kill(one ?? 0);
      // What dies does not go on.
      return new Promise<void>((_resolve, reject) => setImmediate(() => reject(new Error('dead'))));
    });
    await world.pass(30_000);
    expect(death).toBeDefined();
    await death;
    await world.pass(300_000);
    expect(world.backend.aliveCredentials()).toEqual([]);
    expect(world.backend.aliveTokens()).toEqual([]);
    const [last] = await canariesOf(world);
    expect(last?.state).toBe('ended');
    const statuses = [known(world, app, 0), known(world, app, 1)];
    expect(statuses.map((status) => status?.outcome)).toContain('passed');
  });
});
