import { describe, expect, it } from 'vitest';
import type { AuditAction } from '../../../src/audit/audit.ts';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { aPod, aVerified, createWorld, dbBundle, type Holder, kvBundle, type World } from './world.ts';

const signal = new AbortController().signal;

function sessionOf(holder: Holder): string {
  return holder.last('opened')?.session ?? '';
}

function generationOf(holder: Holder): string {
  return holder.last('generation')?.generation.id ?? '';
}

async function acknowledge(holder: Holder): Promise<void> {
  await holder.attachment.delivered({ session: sessionOf(holder), generation: generationOf(holder) });
}

function rotateAll(world: World) {
  return world.engine().admin.rotate({ selector: { all: true }, reason: 't', by: 'admin:a', dryRun: false });
}

function works(world: World, { username, password }: ReturnType<Holder['login']>): boolean {
  return world.backend.canLogin(username, password);
}

function breakAudit(world: World, action: AuditAction): () => void {
  world.setAudit((event) => {
    if (event.action === action) throw new LeaseholdError('audit_unavailable');
  });
  return () => world.setAudit(() => undefined);
}

function breakLedger(world: World, ...methods: readonly string[]): () => void {
  world.setLedger((method) => {
    if (methods.includes(method)) throw new LeaseholdError('ledger_unavailable');
  });
  return () => world.setLedger(() => undefined);
}

describe('a rotation that fails leaves the holder with what it has', () => {
  it.each([
    ['it cannot be recorded', (world: World) => breakAudit(world, 'rotate')],
    ['its delivery cannot be recorded', (world: World) => breakAudit(world, 'deliver')],
    ['the ledger cannot take it', (world: World) => breakLedger(world, 'activate', 'beginRevokeLeaseSet')],
    ['the backend refuses', (world: World) => breakBackend(world)],
  ])('when %s, and is made up for', async (_name, fail) => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const old = holder.login();
    const repair = fail(world);
    await rotateAll(world);
    await world.pass(400_000);
    expect(holder.login()).toEqual(old);
    expect(works(world, old)).toBe(true);
    repair();
    await world.pass(200_000 + 30_000);
    expect(holder.login()).not.toEqual(old);
    expect(works(world, holder.login())).toBe(true);
  });

  function breakBackend(world: World): () => void {
    world.backend.setFault(({ operation, target }) =>
      operation === 'read' && target === 'database/creds/app' ? { fail: 'backend_rejected' } : undefined,
    );
    return () => world.backend.setFault(undefined);
  }

  it('when a delivery fails for a moment, the old credentials work until the new ones are acknowledged', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const old = holder.login();
    const repair = breakAudit(world, 'deliver');
    await rotateAll(world);
    await world.pass(1_000);
    repair();
    await world.pass(40_000);
    expect(holder.login()).not.toEqual(old);
    expect(works(world, old)).toBe(true);
    expect(world.backend.aliveCredentials()).toHaveLength(2);
    await acknowledge(holder);
    await world.pass(1_000);
    expect(works(world, old)).toBe(false);
    expect(works(world, holder.login())).toBe(true);
  });
});

describe('a rotation that is asked for', () => {
  it('waits for a holder that is not attached at that moment', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const resume = { session: sessionOf(holder), generation: generationOf(holder) };
    const old = holder.login();
    await holder.attachment.detach();
    await rotateAll(world);
    await world.pass(10_000);
    const again = await world.holder();
    await again.attachment.open({ bundle: 'db', requestKey: 'k'.repeat(16), resume }, { signal });
    await world.pass(40_000);
    expect(again.login().username).not.toBe('');
    expect(again.login()).not.toEqual(old);
  });

  it('by interval goes on after the holder was away', async () => {
    await using world = await createWorld({
      bundles: [{ ...dbBundle, rotateSeconds: 100, overlapSeconds: 10 }, kvBundle],
    });
    const holder = await world.holder();
    await holder.take('db');
    const resume = { session: sessionOf(holder), generation: generationOf(holder) };
    await holder.attachment.detach();
    await world.pass(120_000);
    const again = await world.holder();
    await again.attachment.open({ bundle: 'db', requestKey: 'k'.repeat(16), resume }, { signal });
    await world.pass(150_000);
    const first = again.login();
    expect(first.username).not.toBe('');
    await acknowledge(again);
    await world.pass(150_000);
    expect(again.login()).not.toEqual(first);
  });

  it('twice before the holder has answered once does not take away what it uses', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const old = holder.login();
    await rotateAll(world);
    await world.pass(1_000);
    await rotateAll(world);
    await world.pass(20_000);
    expect(works(world, old)).toBe(true);
    await acknowledge(holder);
    const second = holder.login();
    await world.pass(40_000);
    expect(works(world, old)).toBe(false);
    expect(holder.login()).not.toEqual(second);
    expect(works(world, second)).toBe(true);
  });

  it('is not lost to a lease set that a dead broker left in the middle', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const old = holder.login();
    const resume = { session: sessionOf(holder), generation: generationOf(holder) };
    // The broker dies with the intent on record.
    const dead = Promise.withResolvers<undefined>();
    world.setReach((step) => (step === 'token.recorded' ? dead.promise : undefined));
    await rotateAll(world);
    await world.pass(1_000);
    world.setLedger(() => {
      throw new LeaseholdError('ledger_unavailable');
    });
    dead.resolve(undefined);
    await world.settle();
    world.setLedger(() => undefined);
    world.setReach(() => undefined);
    await world.restart();
    const again = await world.holder();
    await again.attachment.open({ bundle: 'db', requestKey: 'k'.repeat(16), resume }, { signal });
    // Past the claim of the dead one.
    await world.pass(220_000);
    expect(again.login().username).not.toBe('');
    expect(again.login()).not.toEqual(old);
  });

  it('of leases near their end goes on when the static half cannot be read', async () => {
    await using world = await createWorld();
    world.backend.setDynamic('database/creds/app', { maxTtlSeconds: 700 });
    const holder = await world.holder();
    await holder.take('db');
    world.backend.removeSecret('secret/data/api');
    await world.pass(900_000);
    expect(works(world, holder.login())).toBe(true);
    expect(holder.last('generation')?.secrets.find(({ name }) => name === 'api')).toBeDefined();
  });
});

describe('the credentials that a rotation replaces', () => {
  it('live as long as the holder is told that they do, also near their own maximum', async () => {
    await using world = await createWorld({ bundles: [{ ...dbBundle, overlapSeconds: 150 }, kvBundle] });
    world.backend.setDynamic('database/creds/app', { maxTtlSeconds: 700 });
    const holder = await world.holder();
    await holder.take('db');
    const old = holder.login();
    for (let waited = 0; waited < 900 && holder.last('generation')?.generation.number === 1; waited += 5)
      await world.pass(5_000);
    const until = holder.last('generation')?.previousUntil ?? 0;
    expect(until).toBeGreaterThan(world.clock.now());
    await world.pass(until - world.clock.now() - 2_000);
    expect(works(world, old)).toBe(true);
    const session = await world.ledger.findSession(sessionOf(holder));
    await world.pass(12_000);
    const ended = await world.ledger.findSession(session?.id ?? '');
    const settlements = ended?.leaseSets[0]?.credentials.map(({ settlement }) => settlement);
    expect(settlements).toEqual(['confirmed', 'confirmed']);
  });

  it('stay until the new ones are in place when the holder still has an older generation', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const old = holder.login();
    const resume = { session: sessionOf(holder), generation: generationOf(holder) };
    // A new generation that the holder never got, with another static half.
    world.backend.putSecret('secret/data/api', { key: 'canary-v2' });
    world.setAudit(({ action }) => {
      if (action === 'deliver') throw new LeaseholdError('audit_unavailable');
    });
    await world.pass(70_000);
    world.setAudit(() => undefined);
    const again = await world.holder();
    await again.attachment.open({ bundle: 'db', requestKey: 'k'.repeat(16), resume }, { signal });
    await world.pass(2_000);
    expect(works(world, old)).toBe(true);
  });
});

describe('a revocation in the middle of a read', () => {
  it('is not over before the read is', async () => {
    await using world = await createWorld();
    world.backend.setFault(({ operation, target }) =>
      operation === 'read' && target === 'database/creds/app' ? { delayMs: 20_000 } : undefined,
    );
    const holder = await world.holder();
    const opening = holder.take('db');
    await world.pass(5_000);
    await world.engine().admin.revoke({ selector: { all: true }, reason: 'x', by: 'admin:a', dryRun: false });
    await world.pass(10_000);
    const [during] = await world.ledger.listSessions({ limit: 1 });
    expect(during?.state).toBe('revoking');
    await world.pass(10_000);
    await opening;
    await world.pass(5_000);
    const ended = await world.ledger.findSession(during?.id ?? '');
    expect(ended?.state).toBe('ended');
    expect(ended?.leaseSets[0]?.credentials.map(({ settlement }) => settlement)).toEqual([
      'confirmed',
      'confirmed',
    ]);
  });

  it.each(['recordToken', 'recordLease'])(
    'a credential that %s could not take is revoked at once',
    async (method) => {
      await using world = await createWorld();
      breakLedger(world, method, 'beginRevokeLeaseSet', 'beginRevoke');
      const holder = await world.holder(aVerified(aPod('u9')));
      await holder.take('db');
      await world.settle();
      expect(world.backend.aliveCredentials()).toHaveLength(0);
      if (method === 'recordToken')
        expect(world.backend.aliveTokens().map(({ tokenRole }) => tokenRole)).toEqual([]);
    },
  );
});
