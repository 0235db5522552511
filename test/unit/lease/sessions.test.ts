import { describe, expect, it } from 'vitest';
import { aPod, aVerified, createWorld } from './world.ts';

const signal = new AbortController().signal;

describe('a leased session', () => {
  it('delivers a credential that works, extended past its probation', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    expect(holder.messages.map(({ kind }) => kind)).toEqual(['opened', 'generation']);
    const { username, password } = holder.login();
    expect(world.backend.canLogin(username, password)).toBe(true);
    await world.pass(300_000);
    expect(world.backend.canLogin(username, password)).toBe(true);
    expect(world.records.map(({ action, outcome }) => `${action} ${outcome}`)).toEqual([
      'attach ok',
      'open ok',
      'issue ok',
      'deliver ok',
      'delivered ok',
    ]);
  });

  it('answers a second open of the same workload with the same session', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const first = holder.last('opened');
    const again = await world.holder();
    expect(holder.last('taken_over')).toBeDefined();
    await again.attachment.open(
      {
        bundle: 'db',
        requestKey: 'k'.repeat(16),
        resume: { session: first?.session ?? '', generation: holder.last('generation')?.generation.id ?? '' },
      },
      { signal },
    );
    expect(again.last('opened')).toMatchObject({ session: first?.session, resumed: true });
    expect(again.last('generation')).toBeUndefined();
    expect(world.backend.aliveCredentials()).toHaveLength(1);
  });

  it('gives a holder that lost its files new credentials and revokes the old ones', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const old = holder.login();
    const again = await world.holder();
    await again.take('db');
    await world.pass(1_000);
    expect(again.login().username).not.toBe(old.username);
    expect(world.backend.canLogin(old.username, old.password)).toBe(false);
    expect(world.backend.aliveCredentials()).toHaveLength(1);
  });

  it('rotates make before break: the old credential works until the new one is acknowledged', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const old = holder.login();
    const session = holder.last('opened')?.session ?? '';
    await world
      .engine()
      .admin.rotate({ selector: { session }, reason: 'test', by: 'admin:alice', dryRun: false });
    await world.pass(1_000);
    const renewed = holder.login();
    expect(renewed.username).not.toBe(old.username);
    expect(world.backend.canLogin(old.username, old.password)).toBe(true);
    const generation = holder.last('generation');
    expect(generation?.generation.number).toBe(2);
    await holder.attachment.delivered({ session, generation: generation?.generation.id ?? '' });
    await world.pass(1_000);
    expect(world.backend.canLogin(old.username, old.password)).toBe(false);
    expect(world.backend.canLogin(renewed.username, renewed.password)).toBe(true);
  });

  it('ends a retiring credential after the overlap when nobody acknowledges', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const old = holder.login();
    const session = holder.last('opened')?.session ?? '';
    await world
      .engine()
      .admin.rotate({ selector: { session }, reason: 'test', by: 'admin:alice', dryRun: false });
    await world.pass(30_000);
    expect(world.backend.canLogin(old.username, old.password)).toBe(true);
    await world.pass(40_000);
    expect(world.backend.canLogin(old.username, old.password)).toBe(false);
  });

  it('re-adopts after a restart without issuing anything', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const before = world.backend.calls().filter(({ operation }) => operation === 'createToken').length;
    const resume = {
      session: holder.last('opened')?.session ?? '',
      generation: holder.last('generation')?.generation.id ?? '',
    };
    await world.restart();
    const again = await world.holder();
    await again.attachment.open({ bundle: 'db', requestKey: 'k'.repeat(16), resume }, { signal });
    expect(again.last('opened')).toMatchObject({ session: resume.session, resumed: true });
    await world.pass(900_000);
    const { username, password } = holder.login();
    expect(world.backend.canLogin(username, password)).toBe(true);
    // The static half is looked at with short tokens of its own; no dynamic read happened.
    expect(world.backend.aliveCredentials()).toHaveLength(1);
    expect(before).toBeGreaterThan(0);
  });

  it('revokes a session nobody is attached to before its token lapses', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const session = holder.last('opened')?.session ?? '';
    await holder.attachment.detach();
    await world.pass(620_000);
    const found = await world.ledger.findSession(session);
    expect(found?.state).toBe('ended');
    expect(found?.end?.reason).toBe('detached');
    expect(found?.leaseSets.flatMap(({ credentials }) => credentials.map((one) => one.settlement))).toEqual([
      'confirmed',
      'confirmed',
    ]);
    expect(world.backend.aliveCredentials()).toHaveLength(0);
  });

  it('replaces credentials that were revoked behind its back', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const old = holder.login();
    const found = await world.ledger.findSession(holder.last('opened')?.session ?? '');
    const lease = found?.leaseSets[0]?.credentials.find(({ kind }) => kind === 'lease');
    await world.backend.revokeLease({ leaseId: lease?.reference ?? '', signal });
    await world.pass(500_000);
    expect(holder.login().username).not.toBe(old.username);
  });

  it('proves itself again near the deadline and gets a successor session', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const old = holder.login();
    const first = holder.last('opened')?.session ?? '';
    await world.pass(3_310_000);
    expect(holder.last('credential_wanted')).toBeDefined();
    await holder.attachment.refresh(aVerified());
    const second = holder.last('opened')?.session ?? '';
    expect(second).not.toBe(first);
    expect(world.backend.canLogin(old.username, old.password)).toBe(true);
    const generation = holder.last('generation');
    await holder.attachment.delivered({ session: second, generation: generation?.generation.id ?? '' });
    await world.pass(1_000);
    expect(world.backend.canLogin(old.username, old.password)).toBe(false);
    expect((await world.ledger.findSession(first))?.state).toBe('ended');
    expect(holder.last('revoked')).toBeUndefined();
  });

  it('ends at its deadline whatever else happens', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const { username, password } = holder.login();
    await world.pass(3_605_000);
    expect(world.backend.canLogin(username, password)).toBe(false);
    expect(holder.last('revoked')).toMatchObject({ reason: 'deadline', mayReopen: true });
  });
});

describe('a revocation', () => {
  it('is confirmed at the backend, tells the holder, and does not come back', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const { username, password } = holder.login();
    await world.engine().admin.revoke({
      selector: { pod: 'ml/pod-uid-1' },
      reason: 'leaked',
      by: 'admin:alice',
      dryRun: false,
    });
    await world.pass(1_000);
    expect(world.backend.canLogin(username, password)).toBe(false);
    expect(holder.last('revoked')).toMatchObject({ reason: 'admin', mayReopen: false });
    const session = await world.ledger.findSession(holder.last('opened')?.session ?? '');
    expect(session?.state).toBe('ended');
    await holder.take('db');
    expect(holder.last('refused')).toMatchObject({ code: 'tombstoned' });
    expect(world.records.at(-1)).toMatchObject({ action: 'open', outcome: 'refused', code: 'tombstoned' });
    expect(world.backend.aliveCredentials()).toHaveLength(0);
  });

  it('is tried until the backend is back, and says outstanding meanwhile', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const session = holder.last('opened')?.session ?? '';
    world.backend.setFault(({ operation }) =>
      operation === 'revokeLease' ? { fail: 'backend_rejected' } : undefined,
    );
    await world.engine().admin.revoke({ selector: { session }, reason: 'x', by: 'admin:a', dryRun: false });
    await world.pass(120_000);
    const during = await world.ledger.findSession(session);
    expect(during?.state).toBe('revoking');
    expect(during?.leaseSets[0]?.credentials.find(({ kind }) => kind === 'lease')).toMatchObject({
      settlement: 'outstanding',
      why: 'backend_rejected',
    });
    world.backend.setFault(undefined);
    await world.pass(31_000);
    expect((await world.ledger.findSession(session))?.state).toBe('ended');
  });

  it('changes nothing on a dry run', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const selector = { namespace: 'ml' };
    const would = await world.engine().admin.revoke({ selector, reason: 'x', by: 'admin:a', dryRun: true });
    expect(would).toHaveLength(1);
    expect(holder.last('revoked')).toBeUndefined();
  });

  it('goes on when the audit log cannot be written', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    world.setAuditBroken(true);
    await world.engine().admin.revoke({ selector: { all: true }, reason: 'x', by: 'admin:a', dryRun: false });
    await world.pass(1_000);
    expect(world.backend.aliveCredentials()).toHaveLength(0);
    expect(world.engine().events.counters().audit_missed).toBeGreaterThan(0);
  });

  it('follows the end of the pod and lets its successor begin', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const { username, password } = holder.login();
    world.setState(aPod().workload, { phase: 'ended', freshness: 'fresh' });
    await world.pass(1_000);
    expect(world.backend.canLogin(username, password)).toBe(false);
    const other = await world.holder(aVerified(aPod('uid-2')));
    await other.take('db');
    expect(other.last('generation')).toBeDefined();
  });
});

describe('a stream of a workload that has ended', () => {
  it('is sent away, once its holder has had time to say that it has wiped', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    world.setState(aPod().workload, { phase: 'ended', freshness: 'fresh' });
    await world.pass(1_000);
    expect(holder.last('revoked')).toMatchObject({ reason: 'workload_ended' });
    expect(holder.last('sent_away')).toBeUndefined();
    await holder.take('db');
    expect(holder.last('refused')).toMatchObject({ code: 'workload_ended' });
    await world.pass(12_000);
    expect(holder.last('sent_away')).toEqual({ kind: 'sent_away', code: 'workload_ended' });
  });

  it('is left alone while it runs, ends, or nothing is known of it', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    for (const phase of ['running', 'terminating', 'unknown'] as const) {
      world.setState(aPod().workload, { phase, freshness: 'fresh' });
      await world.pass(12_000);
    }
    expect(holder.last('sent_away')).toBeUndefined();
  });
});

describe('an open', () => {
  it('says not_granted for a bundle that does not exist, and records the truth', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('nothing');
    expect(holder.messages).toEqual([
      { kind: 'refused', bundle: 'nothing', code: 'not_granted', retryAfterMs: 0 },
    ]);
    expect(world.records.at(-1)).toMatchObject({ outcome: 'refused', code: 'bundle_unknown' });
    expect(world.backend.calls().filter(({ operation }) => operation !== 'clusterId')).toEqual([]);
  });

  it('is refused when there is no audit record, and nothing is issued', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    world.setAuditBroken(true);
    await holder.take('db');
    expect(holder.last('refused')).toMatchObject({ code: 'audit_unavailable' });
    expect(world.backend.aliveTokens()).toHaveLength(0);
  });

  it('is refused under a lock, which revokes what matches and outlives a restart', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const { lock } = await world.engine().admin.addLock({
      selector: { namespace: 'ml' },
      reason: 'incident',
      by: 'admin:a',
      dryRun: false,
    });
    await world.pass(1_000);
    expect(holder.last('revoked')).toMatchObject({ reason: 'locked' });
    await world.restart();
    const other = await world.holder(aVerified(aPod('uid-2')));
    await other.take('db');
    expect(other.last('refused')).toMatchObject({ code: 'locked' });
    await world.engine().admin.removeLock({ id: lock.id, reason: 'over', by: 'admin:a' });
    await other.take('db');
    expect(other.last('generation')).toBeDefined();
  });

  it('is not refused by a lock whose selector no record could hold whole', async () => {
    await using world = await createWorld();
    const selector = { namespace: 'ml', pod: 'x'.repeat(1_000), bundle: 'y'.repeat(1_100) };
    await expect(
      world.engine().admin.addLock({ selector, reason: 'incident', by: 'admin:a', dryRun: false }),
    ).rejects.toMatchObject({ code: 'request_invalid', detail: 'the selector is too long' });
    expect(await world.ledger.listLocks()).toEqual([]);
    expect(world.records.filter(({ action }) => action === 'lock_add')).toEqual([]);
  });

  it('is refused for a terminating workload and for stale knowledge, while what is held goes on', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    world.setState(aPod().workload, { phase: 'terminating', freshness: 'fresh' });
    await holder.take('kv');
    expect(holder.last('refused')).toMatchObject({ bundle: 'kv', code: 'workload_terminating' });
    const { username, password } = holder.login();
    await world.pass(700_000);
    expect(world.backend.canLogin(username, password)).toBe(true);
    world.setState(aPod().workload, { phase: 'running', freshness: 'stale' });
    await holder.take('kv');
    expect(holder.last('refused')).toMatchObject({ bundle: 'kv', code: 'workload_stale' });
  });

  it('cannot name a session of another workload', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const session = holder.last('opened')?.session ?? '';
    const other = await world.holder(aVerified(aPod('uid-2')));
    await expect(other.attachment.release({ session })).rejects.toMatchObject({ code: 'session_unknown' });
    await expect(other.attachment.wiped({ session })).rejects.toMatchObject({ code: 'session_unknown' });
    await expect(other.attachment.delivered({ session, generation: 'x' })).rejects.toMatchObject({
      code: 'session_unknown',
    });
    expect(world.records.at(-1)).toMatchObject({ outcome: 'refused', code: 'session_unknown' });
  });

  it('starts over with another token after a lost reply and never reads twice on one', async () => {
    await using world = await createWorld();
    let lost = false;
    world.backend.setFault(({ operation, target }) => {
      if (operation !== 'read' || target !== 'database/creds/app' || lost) return undefined;
      lost = true;
      return { loseReply: 'unleased' };
    });
    const holder = await world.holder();
    await holder.take('db');
    expect(holder.last('generation')).toBeDefined();
    await world.pass(2_000);
    expect(world.backend.aliveTokens()).toHaveLength(1);
  });

  it('leaves nothing alive when the session is revoked in the middle of its issue', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    let done = false;
    world.setReach(async (step) => {
      if (step !== 'lease.recorded' || done) return;
      done = true;
      await world
        .engine()
        .admin.revoke({ selector: { all: true }, reason: 'x', by: 'admin:a', dryRun: false });
    });
    await holder.take('db');
    await world.pass(5_000);
    expect(holder.last('generation')).toBeUndefined();
    expect(world.backend.aliveCredentials()).toHaveLength(0);
  });
});

describe('static secrets', () => {
  it('are read once for many workloads and pushed when they change', async () => {
    await using world = await createWorld();
    const holders = [];
    for (const uid of ['u1', 'u2', 'u3']) {
      const holder = await world.holder(aVerified(aPod(uid)));
      await holder.take('kv');
      holders.push(holder);
    }
    expect(world.backend.calls().filter(({ operation }) => operation === 'read')).toHaveLength(1);
    world.backend.putSecret('secret/data/api', { key: 'canary-v2' });
    await world.pass(70_000);
    for (const holder of holders) {
      const fields = holder.last('generation')?.secrets[0]?.fields;
      expect(Buffer.from(fields?.get('key')?.open() ?? []).toString()).toBe('canary-v2');
    }
  });

  it('of a mixed bundle change without new leases', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const { username } = holder.login();
    world.backend.putSecret('secret/data/api', { key: 'canary-v2' });
    await world.pass(70_000);
    const generation = holder.last('generation');
    expect(generation?.generation.number).toBe(2);
    expect(generation?.secrets.find(({ name }) => name === 'login')?.fields).toBeUndefined();
    expect(holder.login().username).toBe(username);
  });
});

describe('a session with three holders', () => {
  const holders = ['n1', 'n2', 'n3'];
  const node = (name: string) => aVerified(aPod(), name, holders);

  it('gives all of them the same credential, from memory until all have it', async () => {
    await using world = await createWorld();
    const logins = [];
    for (const name of holders) {
      const holder = await world.holder(node(name));
      await holder.take('db');
      logins.push(holder.login().username);
    }
    expect(new Set(logins).size).toBe(1);
    expect(world.backend.aliveCredentials()).toHaveLength(1);
  });

  it('gives all of them a new one when the values were lost before all had them', async () => {
    await using world = await createWorld();
    const first = await world.holder(node('n1'));
    await first.take('db');
    const resume = {
      session: first.last('opened')?.session ?? '',
      generation: first.last('generation')?.generation.id ?? '',
    };
    await world.restart();
    const again = await world.holder(node('n1'));
    await again.attachment.open({ bundle: 'db', requestKey: 'k'.repeat(16), resume }, { signal });
    expect(again.last('generation')).toBeUndefined();
    const second = await world.holder(node('n2'));
    await second.take('db');
    expect(again.login().username).toBe(second.login().username);
    expect(second.login().username).not.toBe(first.login().username);
  });
});
