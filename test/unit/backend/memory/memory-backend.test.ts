import { describe, expect, it } from 'vitest';
import { createMemoryBackend } from '../../../../src/backend/memory/memory-backend.ts';
import type { SecretSource } from '../../../../src/policy/bundle.ts';
import { createManualClock } from '../manual-clock.ts';

const { signal } = new AbortController();
const leased: SecretSource = { name: 'db', kind: 'leased', path: 'database/creds/app', engine: 'read' };

const aWorld = () => {
  const clock = createManualClock();
  return {
    clock,
    backend: createMemoryBackend({ clock, dynamic: { [leased.path]: { maxTtlSeconds: 600 } } }),
  };
};

describe('createMemoryBackend', () => {
  it('fails before the effect when told to', async () => {
    const { backend } = aWorld();
    const token = await backend.createToken({ tokenRole: 'r', intent: 'i', signal });
    backend.setFault(({ operation }) => (operation === 'read' ? { fail: 'backend_sealed' } : undefined));
    await expect(backend.read({ token: token.token, source: leased, signal })).rejects.toMatchObject({
      code: 'backend_sealed',
    });
    expect(backend.aliveCredentials()).toEqual([]);
  });

  it('loses the reply of a read after its effect, with or without a lease', async () => {
    const { backend, clock } = aWorld();
    const { token, accessor } = await backend.createToken({ tokenRole: 'r', intent: 'i', signal });
    for (const loseReply of ['leased', 'unleased'] as const) {
      backend.setFault(({ operation }) => (operation === 'read' ? { loseReply } : undefined));
      await expect(backend.read({ token, source: leased, signal })).rejects.toMatchObject({
        code: 'backend_lost_reply',
      });
    }
    expect(backend.aliveCredentials().map(({ leaseId }) => leaseId === undefined)).toEqual([false, true]);
    await backend.revokeToken({ accessor, signal });
    expect(backend.aliveCredentials()).toMatchObject([{ leaseId: undefined }]);
    clock.advance(60_000);
    expect(backend.aliveCredentials()).toEqual([]);
  });

  it('loses the reply of a token creation after its effect', async () => {
    const { backend } = aWorld();
    backend.setFault(() => ({ loseReply: 'leased' }));
    await expect(backend.createToken({ tokenRole: 'r', intent: 'the-intent', signal })).rejects.toMatchObject(
      {
        code: 'backend_lost_reply',
      },
    );
    expect(backend.aliveTokens()).toMatchObject([{ intent: 'the-intent' }]);
  });

  it('lets go of a delayed look-up when its caller does, never of a delayed dynamic read', async () => {
    const { backend, clock } = aWorld();
    const { token, accessor } = await backend.createToken({ tokenRole: 'r', intent: 'i', signal });
    backend.setFault(() => ({ delayMs: 1000 }));
    const caller = new AbortController();
    const lookup = backend.lookupToken({ accessor, signal: caller.signal });
    const read = backend.read({ token, source: leased, signal: caller.signal });
    caller.abort();
    await expect(lookup).rejects.toMatchObject({ code: 'cancelled' });
    clock.advance(1000);
    expect((await read).lease).toBeDefined();
  });

  it('grants no more than the maximum that is left', async () => {
    const { backend, clock } = aWorld();
    const { token } = await backend.createToken({ tokenRole: 'r', intent: 'i', signal });
    const { lease } = await backend.read({ token, source: leased, signal });
    const leaseId = lease?.leaseId ?? '';
    clock.advance(30_000);
    expect(await backend.renewLease({ leaseId, incrementSeconds: 3600, signal })).toEqual({
      ttlSeconds: 570,
    });
  });

  it('forgets everything when it is reset, and is then another cluster', async () => {
    const { backend } = aWorld();
    const before = await backend.clusterId({ signal });
    const { accessor } = await backend.createToken({ tokenRole: 'r', intent: 'i', signal });
    backend.reset();
    expect(await backend.lookupToken({ accessor, signal })).toEqual({ present: false });
    expect(await backend.clusterId({ signal })).not.toBe(before);
  });

  it('remembers its calls without any secret', async () => {
    const { backend } = aWorld();
    const { token } = await backend.createToken({ tokenRole: 'r', intent: 'i', signal });
    await backend.read({ token, source: leased, signal });
    expect(backend.calls()).toEqual([
      { operation: 'createToken', target: 'r' },
      { operation: 'read', target: leased.path },
    ]);
  });
});
