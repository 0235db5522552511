import { describe, expect, it } from 'vitest';
import type { Step } from '../../../src/lease/steps.ts';
import { createWorld } from './world.ts';

const issuing: readonly Step[] = [
  'session.begun',
  'token.created',
  'token.recorded',
  'lease.read',
  'lease.recorded',
  'renewal.token',
  'renewal.lease',
  'lease_set.extended',
  'issue.audited',
  'lease_set.activated',
  'generation.sent',
];

describe('a revocation during a step of an issue', () => {
  it.each(issuing)('ends revoked: %s', async (step) => {
    await using world = await createWorld();
    let revoking: Promise<unknown> | undefined;
    world.setReach(async (reached) => {
      if (reached !== step || revoking !== undefined) return;
      revoking = world
        .engine()
        .admin.revoke({ selector: { all: true }, reason: 'x', by: 'admin:a', dryRun: false });
      await revoking;
    });
    const holder = await world.holder();
    await holder.take('db').catch(() => undefined);
    expect(revoking).toBeDefined();
    await world.pass(200_000);
    expect(world.backend.aliveCredentials()).toEqual([]);
    expect(world.backend.aliveTokens()).toEqual([]);
    const [session] = await world.ledger.listSessions({ limit: 10 });
    expect(session?.state).toBe('ended');
    const found = await world.ledger.findSession(session?.id ?? '');
    const settled = found?.leaseSets.flatMap((set) => set.credentials.map(({ settlement }) => settlement));
    expect(settled?.filter((settlement) => settlement !== 'confirmed')).toEqual([]);
    if (holder.last('generation') !== undefined) expect(holder.last('revoked')).toBeDefined();
    // What a person took back stays away.
    await holder.take('db').catch(() => undefined);
    expect(holder.last('refused')?.code).toBe('tombstoned');
  });
});
