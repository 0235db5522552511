import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NewEnrolment } from '../../../src/ledger/enrolments.ts';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import { type LedgerWorld, type OpenLedgerWorld, start } from './ledger-world.ts';

const aToken = (overrides: Partial<NewEnrolment> = {}): NewEnrolment => ({
  cluster: 'hpc',
  node: 'n1',
  token: 'a1'.repeat(32),
  at: start,
  expiresAt: start + 600_000,
  ...overrides,
});

/** Enrolment tokens of compute nodes. */
export function enrolmentsContract(open: OpenLedgerWorld): void {
  let world: LedgerWorld;
  let ledger: Ledger;
  beforeEach(async () => {
    world = await open();
    ledger = world.ledger;
  });
  afterEach(async () => {
    await world.close();
  });
  type Shown = Partial<Parameters<Ledger['spendEnrolment']>[0]>;
  const spend = (shown: Shown = {}) =>
    ledger.spendEnrolment({
      cluster: 'hpc',
      node: 'n1',
      token: 'a1'.repeat(32),
      key: 'k1',
      at: start + 1,
      ...shown,
    });

  describe('an enrolment token', () => {
    it.each<[string, Shown]>([
      ['of which one digit differs', { token: `${'a1'.repeat(31)}a2` }],
      ['that is cut', { token: 'a1'.repeat(31) }],
      ['that is empty', { token: '' }],
      ['of another node', { node: 'n2' }],
      ['of another cluster', { cluster: 'other' }],
      ['of nobody', { node: 'n9' }],
    ])('%s is unknown, and spends nothing', async (_what, shown) => {
      await ledger.addEnrolments([aToken(), aToken({ node: 'n2', token: 'b2'.repeat(32) })]);
      expect(await spend(shown)).toBe('unknown');
      expect(await spend({ key: 'k2' })).toBe('spent');
    });

    it('that has expired is of no use, also to the key that spent it', async () => {
      await ledger.addEnrolments([aToken()]);
      expect(await spend({ at: start + 599_999 })).toBe('spent');
      expect(await spend({ at: start + 600_000 })).toBe('expired');
      await ledger.addEnrolments([aToken({ node: 'n2' })]);
      expect(await spend({ node: 'n2', at: start + 600_000 })).toBe('expired');
      // Whoever does not have it is not told that it has expired.
      expect(await spend({ node: 'n2', token: 'c3'.repeat(32), at: start + 600_000 })).toBe('unknown');
    });

    it('is spent by the first key, again by the same, and never by another', async () => {
      await ledger.addEnrolments([aToken()]);
      expect(await spend()).toBe('spent');
      expect(await spend({ key: 'k2' })).toBe('other_key');
      ledger = await world.reopen();
      expect(await spend()).toBe('again');
      expect(await spend({ key: 'k2' })).toBe('other_key');
    });

    it('is spent by one of many keys that show it at once', async () => {
      await ledger.addEnrolments([aToken()]);
      const outcomes = await Promise.all(
        Array.from({ length: 8 }, (_none, index) => spend({ key: `k${index}` })),
      );
      expect(outcomes.filter((outcome) => outcome === 'spent')).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome === 'other_key')).toHaveLength(7);
    });

    it('makes the one before worthless, spent or not', async () => {
      await ledger.addEnrolments([aToken()]);
      await spend();
      await ledger.addEnrolments([aToken({ token: 'd4'.repeat(32), at: start + 5, expiresAt: start + 50 })]);
      expect(await spend()).toBe('unknown');
      expect(await spend({ token: 'd4'.repeat(32), key: 'k2' })).toBe('spent');
    });

    it('is pruned once it has expired', async () => {
      const nodes = ['n1', 'n2', 'n3'];
      await ledger.addEnrolments(nodes.map((node) => aToken({ node })));
      const prune = (endedBefore: number) => ledger.prune({ endedBefore, limit: 2 });
      expect(await prune(start + 600_000)).toBe(0);
      expect(await spend()).toBe('spent');
      expect([await prune(start + 600_001), await prune(start + 600_001)]).toEqual([2, 1]);
      expect(await spend()).toBe('unknown');
    });
  });
}
