import { describe, expect, it } from 'vitest';
import { checkLease } from '../../../src/backend/check-lease.ts';
import type { SecretSource } from '../../../src/policy/bundle.ts';

const leased: SecretSource = { name: 'db', kind: 'leased', path: 'database/creds/app', engine: 'read' };
const fixed: SecretSource = { name: 'kv', kind: 'static', path: 'secret/data/app', engine: 'kv2' };
const lease = { leaseId: 'database/creds/app/1', ttlSeconds: 60, renewable: true };
const rules = { probationSeconds: 60, allowLongLeases: [] };

describe('checkLease', () => {
  it.each([
    ['no lease', leased, undefined, 'no_lease'],
    ['a first ttl above the probation', leased, { ...lease, ttlSeconds: 61 }, 'too_long'],
    ['a lease that cannot be renewed', leased, { ...lease, renewable: false }, 'not_renewable'],
    ['a static secret with a lease', fixed, lease, 'unexpected_lease'],
  ] as const)('refuses %s', (_name, source, found, fault) => {
    expect(checkLease(source, found, rules)).toBe(fault);
  });

  it('accepts a short renewable lease, and a static secret without one', () => {
    expect(checkLease(leased, lease, rules)).toBeUndefined();
    expect(checkLease(fixed, undefined, rules)).toBeUndefined();
  });

  it('accepts a long lease of a path that is allowed by name, and of no other', () => {
    const long = { ...lease, ttlSeconds: 3600, renewable: false };
    expect(checkLease(leased, long, { ...rules, allowLongLeases: [leased.path] })).toBeUndefined();
    expect(checkLease(leased, long, { ...rules, allowLongLeases: ['database/creds/other'] })).toBe(
      'too_long',
    );
    expect(checkLease(leased, undefined, { ...rules, allowLongLeases: [leased.path] })).toBe('no_lease');
  });
});
