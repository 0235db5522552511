import { describe, expect, it } from 'vitest';
import { checkLease } from '../../../src/backend/check-lease.ts';
import type { SecretSource } from '../../../src/policy/bundle.ts';

const leased: SecretSource = { name: 'db', kind: 'leased', path: 'database/creds/app', engine: 'read' };
const fixed: SecretSource = { name: 'kv', kind: 'static', path: 'secret/data/app', engine: 'kv2' };
const lease = { leaseId: 'database/creds/app/1', ttlSeconds: 60, renewable: true };
const rules = { probationSeconds: 60, allowed: [] };

describe('checkLease', () => {
  it.each([
    ['no lease', leased, undefined, 'made no lease'],
    ['a first ttl above the probation', leased, { ...lease, ttlSeconds: 61 }, 'longer than the probation'],
    ['a lease that cannot be renewed', leased, { ...lease, renewable: false }, 'not renewable'],
    ['a static secret with a lease', fixed, lease, 'static secret made a lease'],
  ] as const)('refuses %s', (_name, source, found, rule) => {
    expect(() => checkLease(source, found, rules)).toThrow(
      expect.objectContaining({
        code: 'backend_reply_invalid',
        detail: expect.stringContaining(rule) as string,
      }),
    );
  });

  it('accepts a short renewable lease, and a static secret without one', () => {
    expect(() => checkLease(leased, lease, rules)).not.toThrow();
    expect(() => checkLease(fixed, undefined, rules)).not.toThrow();
  });

  it('accepts a long lease of a path that is allowed by name, and of no other', () => {
    const long = { ...lease, ttlSeconds: 3600, renewable: false };
    expect(() => checkLease(leased, long, { ...rules, allowed: [leased.path] })).not.toThrow();
    expect(() => checkLease(leased, long, { ...rules, allowed: ['database/creds/other'] })).toThrow();
    expect(() => checkLease(leased, undefined, { ...rules, allowed: [leased.path] })).toThrow();
  });
});
