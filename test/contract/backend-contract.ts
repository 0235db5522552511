import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Backend, BackendSecret } from '../../src/backend/backend.ts';
import type { SecretSource } from '../../src/policy/bundle.ts';

/** A backend with something in it, as the contract suite needs it. */
export interface BackendWorld {
  readonly backend: Backend;
  /** A role whose tokens may read the two sources, and one whose tokens may read neither. */
  readonly tokenRole: string;
  readonly otherTokenRole: string;
  readonly leased: SecretSource;
  readonly kv: SecretSource;
  /** A path below the KV source's mount that the role may read and where nothing is. */
  readonly emptyKv: SecretSource;
  writeKv(values: Readonly<Record<string, unknown>>): Promise<void>;
  /** Whether a login with the leased credential works now. */
  worksNow(secret: BackendSecret): Promise<boolean>;
  /** Lets more time pass than a probation of `shortProbationSeconds`. */
  passShortProbation(): Promise<void>;
  /** The same backend with a short probation, for expiry. */
  readonly shortLived: Backend;
  readonly shortProbationSeconds: number;
  close(): Promise<void>;
}

const text = (secret: BackendSecret, field: string) => {
  const value = secret.fields.get(field);
  return value === undefined ? undefined : Buffer.from(value.open()).toString('utf8');
};

const leaseIdOf = (secret: BackendSecret) => {
  if (secret.lease === undefined) throw new Error('the read made no lease');
  return secret.lease.leaseId;
};

/** What every adapter of the backend port does. */
export function describeBackend(createWorld: () => Promise<BackendWorld>): void {
  let world: BackendWorld;
  let backend: Backend;
  const signal = AbortSignal.timeout(1_800_000);
  const made: string[] = [];

  const issue = async (from: Backend = backend, tokenRole = world.tokenRole) => {
    const token = await from.createToken({ tokenRole, intent: 'contract', signal });
    made.push(token.accessor);
    return token;
  };

  beforeAll(async () => {
    world = await createWorld();
    backend = world.backend;
    return () => world.close();
  });
  afterEach(async () => {
    for (const accessor of made.splice(0)) await backend.revokeToken({ accessor, signal });
  });

  describe('refuses', () => {
    it('a token role that the site has not given it', async () => {
      await expect(issue(backend, 'leasehold-not-there')).rejects.toMatchObject({ code: 'backend_denied' });
    });

    it('a read that the role of the token does not cover', async () => {
      const { token } = await issue(backend, world.otherTokenRole);
      for (const source of [world.leased, world.kv])
        await expect(backend.read({ token, source, signal })).rejects.toMatchObject({
          code: 'backend_denied',
        });
    });

    it('a read with a revoked token', async () => {
      const { token, accessor } = await issue();
      await backend.revokeToken({ accessor, signal });
      await expect(backend.read({ token, source: world.leased, signal })).rejects.toMatchObject({
        code: 'backend_denied',
      });
    });

    it('to renew what is gone', async () => {
      await expect(
        backend.renewToken({ accessor: 'unknown', incrementSeconds: 60, signal }),
      ).rejects.toMatchObject({ code: 'backend_not_found' });
      await expect(
        backend.renewLease({ leaseId: `${world.leased.path}/unknown`, incrementSeconds: 60, signal }),
      ).rejects.toMatchObject({ code: 'backend_not_found' });
    });

    it('every call of a caller that has already gone', async () => {
      const { token, accessor } = await issue();
      const gone = { signal: AbortSignal.abort() };
      const calls = [
        () => backend.createToken({ tokenRole: world.tokenRole, intent: 'gone', ...gone }),
        () => backend.read({ token, source: world.leased, ...gone }),
        () => backend.lookupToken({ accessor, ...gone }),
        () => backend.revokeToken({ accessor, ...gone }),
      ];
      for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'cancelled' });
      expect(await backend.lookupToken({ accessor, signal })).toMatchObject({ present: true });
    });
  });

  it('is healthy, and says which cluster it is, the same each time', async () => {
    await backend.checkHealth({ signal });
    const id = await backend.clusterId({ signal });
    expect(id).not.toBe('');
    expect(await backend.clusterId({ signal })).toBe(id);
  });

  it('has a clock that does not go back', async () => {
    const before = backend.now();
    await issue();
    expect(backend.now()).toBeGreaterThanOrEqual(before);
  });

  it('makes tokens that live no longer than the probation until they are renewed', async () => {
    const { accessor, ttlSeconds } = await issue();
    expect(ttlSeconds).toBeGreaterThan(0);
    expect(ttlSeconds).toBeLessThanOrEqual(backend.probationSeconds);
    const found = await backend.lookupToken({ accessor, signal });
    expect(found.present && found.ttlSeconds).toBeLessThanOrEqual(backend.probationSeconds);
    expect(await backend.renewToken({ accessor, incrementSeconds: 3600, signal })).toEqual({
      ttlSeconds: 3600,
    });
    const renewed = await backend.lookupToken({ accessor, signal });
    expect(renewed.present && renewed.ttlSeconds).toBeGreaterThan(3000);
  });

  it('reads a static secret: text as it is, the rest as JSON, and the version', async () => {
    await world.writeKv({ user: 'plain', nested: { a: [1, null] }, count: 7 });
    const { token } = await issue();
    const first = await backend.read({ token, source: world.kv, signal });
    expect(first.lease).toBeUndefined();
    expect([...first.fields.keys()].sort()).toEqual(['count', 'nested', 'user']);
    expect(text(first, 'user')).toBe('plain');
    expect(text(first, 'nested')).toBe('{"a":[1,null]}');
    expect(text(first, 'count')).toBe('7');
    await world.writeKv({ user: 'changed' });
    const second = await backend.read({ token, source: world.kv, signal });
    expect(text(second, 'user')).toBe('changed');
    expect(second.version).not.toBe(first.version);
    expect(second.version).not.toBe('');
  });

  it('says that nothing is there', async () => {
    const { token } = await issue();
    await expect(backend.read({ token, source: world.emptyKv, signal })).rejects.toMatchObject({
      code: 'backend_not_found',
    });
  });

  it('gives each read of a leased source a credential and a lease of its own', async () => {
    const { token } = await issue();
    const one = await backend.read({ token, source: world.leased, signal });
    const two = await backend.read({ token, source: world.leased, signal });
    expect(text(one, 'username')).not.toBe(text(two, 'username'));
    expect(leaseIdOf(one)).not.toBe(leaseIdOf(two));
    for (const each of [one, two]) {
      expect(await world.worksNow(each)).toBe(true);
      expect(each.lease).toMatchObject({ renewable: true });
      expect(each.lease?.ttlSeconds).toBeLessThanOrEqual(60);
    }
  });

  it('renews a lease to its working ttl, past the ttl of its token', async () => {
    const { token } = await issue();
    const leaseId = leaseIdOf(await backend.read({ token, source: world.leased, signal }));
    expect(await backend.renewLease({ leaseId, incrementSeconds: 3600, signal })).toEqual({
      ttlSeconds: 3600,
    });
    const found = await backend.lookupLease({ leaseId, signal });
    expect(found.present && found.ttlSeconds).toBeGreaterThan(3000);
  });

  it('revokes a lease so that the credential is dead when it returns; the token and other leases stay', async () => {
    const { token, accessor } = await issue();
    const gone = await backend.read({ token, source: world.leased, signal });
    const stays = await backend.read({ token, source: world.leased, signal });
    const leaseId = leaseIdOf(gone);
    expect(await backend.lookupLease({ leaseId, signal })).toMatchObject({ present: true });
    await backend.revokeLease({ leaseId, signal });
    expect(await world.worksNow(gone)).toBe(false);
    expect(await backend.lookupLease({ leaseId, signal })).toEqual({ present: false });
    expect(await world.worksNow(stays)).toBe(true);
    expect(await backend.lookupToken({ accessor, signal })).toMatchObject({ present: true });
  });

  it('revokes a token', async () => {
    const { accessor } = await issue();
    await backend.revokeToken({ accessor, signal });
    expect(await backend.lookupToken({ accessor, signal })).toEqual({ present: false });
  });

  it('revokes what is already gone', async () => {
    const { token, accessor } = await issue();
    const leaseId = leaseIdOf(await backend.read({ token, source: world.leased, signal }));
    for (let round = 0; round < 2; round += 1) {
      await backend.revokeLease({ leaseId, signal });
      await backend.revokeToken({ accessor, signal });
    }
    await backend.revokeLease({ leaseId: `${world.leased.path}/never-there`, signal });
    await backend.revokeToken({ accessor: 'never-there', signal });
  });

  it('forgets a token that nobody renews, and its leases with it', async () => {
    const { token, accessor } = await issue(world.shortLived);
    const secret = await world.shortLived.read({ token, source: world.leased, signal });
    const leaseId = leaseIdOf(secret);
    await backend.renewLease({ leaseId, incrementSeconds: 3600, signal });
    await world.passShortProbation();
    expect(await backend.lookupToken({ accessor, signal })).toEqual({ present: false });
    await expect
      .poll(() => backend.lookupLease({ leaseId, signal }), { timeout: 30_000, interval: 200 })
      .toEqual({ present: false });
    expect(await world.worksNow(secret)).toBe(false);
  });
}
