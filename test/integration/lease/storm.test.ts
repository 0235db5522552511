import { describe, expect, it } from 'vitest';
import type { MemoryFault } from '../../../src/backend/memory/memory-fault.ts';
import { LeaseholdError } from '../../../src/platform/error.ts';
import type { Bundle } from '../../../src/policy/bundle.ts';
import { seeded } from './crash-plan.ts';
import { createStormHolder, type StormHolder } from '../../unit/lease/storm-holder.ts';
import { aPod, aVerified, createWorld, dbBundle, kvBundle, type World } from '../../unit/lease/world.ts';

/*
 * Everything at once, in an order of the seed's: holders that come, go, fall silent and lose their files; rotations, revocations, locks and
 * reloads; a ledger, an audit log and a backend that fail; restarts. Then all is well again, and everything must be in order.
 * LEASEHOLD_STORMS: how many; LEASEHOLD_STORM_SEED: the first one.
 */
const firstSeed = Number(process.env['LEASEHOLD_STORM_SEED'] ?? 1);
const storms = Number(process.env['LEASEHOLD_STORMS'] ?? 2);
const stepsOfStorm = 70;

const bundles: readonly Bundle[] = [
  {
    ...dbBundle,
    ttlSeconds: 60,
    overlapSeconds: 10,
    refreshSeconds: 20,
    maxSeconds: 600,
    rotateSeconds: 150,
  },
  { ...kvBundle, ttlSeconds: 60, refreshSeconds: 20, maxSeconds: 600 },
];

const faults: readonly MemoryFault[] = [
  { fail: 'backend_unavailable' },
  { fail: 'backend_rejected' },
  { fail: 'backend_timeout' },
  { loseReply: 'leased' },
  { loseReply: 'unleased' },
  { delayMs: 3_000 },
  { delayMs: 40_000 },
];

interface Storm {
  readonly world: World;
  readonly holders: readonly StormHolder[];
  readonly random: () => number;
}

function pick<T>(random: () => number, from: readonly T[]): T {
  const found = from[Math.floor(random() * from.length)];
  if (found === undefined) throw new Error('nothing to pick from');
  return found;
}

function breakThings({ world, random }: Storm): void {
  const often = random() * 0.4;
  const what = random();
  if (what < 0.35)
    world.setLedger(() => {
      if (random() < often) throw new LeaseholdError('ledger_unavailable');
    });
  else if (what < 0.6)
    world.setAudit(() => {
      if (random() < often) throw new LeaseholdError('audit_unavailable');
    });
  else world.backend.setFault(() => (random() < often ? pick(random, faults) : undefined));
}

function repairThings({ world }: Storm): void {
  world.setLedger(() => undefined);
  world.setAudit(() => undefined);
  world.backend.setFault(undefined);
}

const workloads = ['one', 'three'].map((uid) => aPod(uid).workload);

/** One thing that happens. What it throws is an answer to whoever asked for it. */
async function happen(storm: Storm): Promise<void> {
  const { world, random } = storm;
  const holder = pick(random, storm.holders);
  const request = { reason: 'storm', by: 'admin:s', dryRun: false, selector: { namespace: 'ml' } };
  const { admin } = world.engine();
  const what = random();
  if (what < 0.2) await holder.connect();
  else if (what < 0.3) await holder.disconnect();
  else if (what < 0.34) holder.loseFiles();
  else if (what < 0.4) holder.setSilent(random() < 0.4);
  else if (what < 0.44) holder.release(pick(random, bundles).name);
  else if (what < 0.52) holder.prove();
  else if (what < 0.6) await admin.rotate(request);
  else if (what < 0.63)
    await admin.revoke({ ...request, selector: { podUid: pick(random, ['one', 'three']) } });
  else if (what < 0.66) {
    for (const { workload, bundle } of await world.ledger.listTombstones())
      await admin.liftTombstone({ workload, bundle, reason: 'storm', by: 'admin:s' });
  } else if (what < 0.68) await admin.addLock({ ...request, selector: { podUid: 'one' } });
  else if (what < 0.71) {
    for (const { id } of await world.ledger.listLocks())
      await admin.removeLock({ id, reason: 'x', by: 'admin:s' });
  } else if (what < 0.74) world.grant(random() < 0.6);
  else if (what < 0.8) world.backend.putSecret('secret/data/api', { key: `v${random()}` });
  else if (what < 0.86) breakThings(storm);
  else if (what < 0.92) repairThings(storm);
  else if (what < 0.96)
    world.setState(pick(random, workloads), {
      phase: pick(random, ['running', 'running', 'terminating']),
      freshness: pick(random, ['fresh', 'fresh', 'stale', 'lost']),
    });
  else if (what < 0.975) world.backend.reset();
  else await restart(storm);
}

async function restart(storm: Storm): Promise<void> {
  repairThings(storm);
  for (const holder of storm.holders) await holder.disconnect();
  await storm.world.restart();
}

async function expectOneLive({ world }: Storm): Promise<void> {
  const live = await world.ledger.listSessions({ states: ['opening', 'active'], limit: 100 });
  const holds = live.map(({ workload, bundle }) => `${workload} ${bundle}`);
  expect(new Set(holds).size).toBe(holds.length);
}

/** Alive and not on record: for no longer than the first ttl. */
async function expectRecorded({ world }: Storm): Promise<void> {
  const known = new Set<string>();
  for (const { id } of await world.ledger.listSessions({ limit: 1_000 })) {
    for (const { credentials } of (await world.ledger.findSession(id))?.leaseSets ?? [])
      for (const { reference } of credentials) known.add(reference);
  }
  const alive = [
    ...world.backend
      .aliveCredentials()
      .map(({ leaseId = 'none', expiresAt }) => ({ id: leaseId, expiresAt })),
    ...world.backend.aliveTokens().map(({ accessor, expiresAt }) => ({ id: accessor, expiresAt })),
  ];
  for (const { id, expiresAt } of alive)
    if (!known.has(id)) expect(expiresAt - world.clock.now()).toBeLessThanOrEqual(60_000);
}

async function rage(storm: Storm): Promise<void> {
  for (let step = 0; step < stepsOfStorm; step += 1) {
    await happen(storm).catch((error: unknown) => {
      // An answer. Anything else is a bug.
      if (LeaseholdError.from(error).code === 'internal') throw error;
    });
    for (const holder of storm.holders) holder.tend();
    await storm.world.pass(Math.ceil(storm.random() * 12_000));
    await expectOneLive(storm);
    if (step % 4 === 0) await expectRecorded(storm);
  }
}

async function calmDown(storm: Storm): Promise<void> {
  const { world, holders } = storm;
  repairThings(storm);
  world.grant(true);
  for (const workload of workloads) world.setState(workload, { phase: 'running', freshness: 'fresh' });
  for (const { id } of await world.ledger.listLocks())
    await world.engine().admin.removeLock({ id, reason: 'x', by: 'admin:s' });
  for (const { workload, bundle } of await world.ledger.listTombstones())
    await world.engine().admin.liftTombstone({ workload, bundle, reason: 'x', by: 'admin:s' });
  for (const holder of holders) {
    holder.setSilent(false);
    await holder.connect();
  }
  for (let turn = 0; turn < 60; turn += 1) {
    for (const holder of holders) holder.tend();
    await world.pass(3_000);
  }
}

async function expectServed({ world, holders }: Storm): Promise<void> {
  for (const holder of holders) {
    const { username = '', password = '' } = holder.files.get('db')?.login ?? {};
    expect(world.backend.canLogin(username, password)).toBe(true);
    expect(holder.files.has('kv')).toBe(true);
  }
  const { sessions } = await world.ledger.count();
  expect(sessions).toMatchObject({ opening: 0, active: 4, superseded: 0, revoking: 0 });
}

async function expectNothingLeft({ world, holders }: Storm): Promise<void> {
  for (const holder of holders) await holder.disconnect();
  await world.pass(240_000);
  expect(world.backend.aliveCredentials()).toEqual([]);
  const { sessions, credentials, work } = await world.ledger.count();
  expect(sessions).toMatchObject({ opening: 0, active: 0, superseded: 0, revoking: 0 });
  expect(credentials).toMatchObject({ held: 0, outstanding: 0 });
  expect(work).toBe(0);
  expect(world.engine().hub.sessions()).toEqual([]);
}

function createStorm(world: World, seed: number): Storm {
  const isRecorded = (session: string, generation: string, holder: string) =>
    world.records.some(
      (record) =>
        record.action === 'deliver' &&
        record.session === session &&
        record.generation === generation &&
        record.holder === holder,
    );
  const names = bundles.map(({ name }) => name);
  const verified = [
    aVerified(aPod('one')),
    ...['n1', 'n2', 'n3'].map((node) => aVerified(aPod('three'), node, ['n1', 'n2', 'n3'])),
  ];
  const holders = verified.map((one) =>
    createStormHolder({ world, verified: one, bundles: names, isRecorded }),
  );
  return { world, holders, random: seeded(seed) };
}

/** What happens on any day: nothing fails, and who goes comes back at once with its files. */
async function happenDaily({ world, holders, random }: Storm): Promise<void> {
  const request = { reason: 'daily', by: 'admin:s', dryRun: false, selector: { namespace: 'ml' } };
  const what = random();
  const holder = pick(random, holders);
  if (what < 0.25) await world.engine().admin.rotate(request);
  else if (what < 0.4) world.backend.putSecret('secret/data/api', { key: `v${random()}` });
  else if (what < 0.55) holder.prove();
  else if (what < 0.75) await holder.connect();
  else if (what < 0.9) {
    await holder.disconnect();
    await world.pass(1_000);
    await holder.connect();
  } else {
    for (const one of holders) await one.disconnect();
    await world.restart();
    for (const one of holders) await one.connect();
  }
}

describe('after a storm', () => {
  it.each(Array.from({ length: storms }, (_, index) => firstSeed + index))(
    'everything is in order (seed %i)',
    async (seed) => {
      await using world = await createWorld({ bundles });
      const storm = createStorm(world, seed);
      await rage(storm);
      await calmDown(storm);
      expect(storm.holders.flatMap(({ complaints }) => complaints)).toEqual([]);
      await expectServed(storm);
      await expectNothingLeft(storm);
    },
    600_000,
  );
});

describe('on an ordinary day', () => {
  it.each(Array.from({ length: storms }, (_, index) => firstSeed + index))(
    'nobody is ever without credentials that work (seed %i)',
    async (seed) => {
      await using world = await createWorld({ bundles });
      const storm = createStorm(world, seed);
      for (const holder of storm.holders) await holder.connect();
      for (let step = 0; step < stepsOfStorm * 2; step += 1) {
        for (const holder of storm.holders) holder.tend();
        await world.pass(1_000 + Math.ceil(storm.random() * 5_000));
        for (const holder of storm.holders) holder.tend();
        await world.settle();
        for (const { files } of storm.holders) {
          const { username = '', password = '' } = files.get('db')?.login ?? {};
          expect(world.backend.canLogin(username, password)).toBe(true);
        }
        await happenDaily(storm);
      }
      expect(storm.holders.flatMap(({ complaints }) => complaints)).toEqual([]);
      await expectNothingLeft(storm);
    },
    600_000,
  );
});
