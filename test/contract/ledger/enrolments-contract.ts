import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NewEnrolment } from '../../../src/ledger/enrolments.ts';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import { type LedgerWorld, type OpenLedgerWorld, start } from './ledger-world.ts';

const aToken = (overrides: Partial<NewEnrolment> = {}): NewEnrolment => ({
  cluster: 'hpc',
  node: 'n1',
  token: 'a1'.repeat(32),
  by: 'admin:ada',
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

  describe('the withdrawal of a token', () => {
    const withdraw = (of: Partial<Parameters<Ledger['withdrawEnrolment']>[0]> = {}) =>
      ledger.withdrawEnrolment({ cluster: 'hpc', node: 'n1', at: start + 1, ...of });

    it.each([
      ['another node', { node: 'n2' }],
      ['another cluster', { cluster: 'other' }],
    ])('does nothing for %s', async (_what, of) => {
      await ledger.addEnrolments([aToken()]);
      expect(await withdraw(of)).toEqual({ outcome: 'unknown' });
      expect(await spend()).toBe('spent');
    });

    it('leaves one that is spent, to the key that has spent it, also when it has expired', async () => {
      await ledger.addEnrolments([aToken()]);
      await spend();
      expect(await withdraw()).toEqual({ outcome: 'spent' });
      expect(await withdraw({ at: start + 600_000 })).toEqual({ outcome: 'spent' });
      expect(await ledger.withdrawEnrolmentsOf({ cluster: 'hpc', at: start + 1 })).toEqual([]);
      expect(await spend()).toBe('again');
    });

    it('leaves one that has expired', async () => {
      await ledger.addEnrolments([aToken()]);
      expect(await withdraw({ at: start + 600_000 })).toEqual({ outcome: 'expired' });
      expect(await ledger.withdrawEnrolmentsOf({ cluster: 'hpc', at: start + 600_000 })).toEqual([]);
      expect(await ledger.listEnrolments({ limit: 9 })).toHaveLength(1);
    });

    it('makes it unknown, once and for good', async () => {
      await ledger.addEnrolments([aToken(), aToken({ node: 'n2' })]);
      expect(await withdraw({ at: start + 599_999 })).toEqual({
        outcome: 'withdrawn',
        token: 'a1'.repeat(32),
      });
      expect(await withdraw()).toEqual({ outcome: 'unknown' });
      ledger = await world.reopen();
      expect(await spend()).toBe('unknown');
      expect(await spend({ node: 'n2' })).toBe('spent');
      // A new one is good.
      await ledger.addEnrolments([aToken()]);
      expect(await spend()).toBe('spent');
    });

    it('of a whole cluster takes the unused ones, by node, and no others', async () => {
      await ledger.addEnrolments([
        aToken({ node: 'n3', token: 'c3'.repeat(32) }),
        aToken({ node: 'n2', token: 'b2'.repeat(32) }),
        aToken({ node: 'n1' }),
        aToken({ node: 'n4', expiresAt: start + 1 }),
        aToken({ cluster: 'other' }),
      ]);
      await spend();
      expect(await ledger.withdrawEnrolmentsOf({ cluster: 'none', at: start + 1 })).toEqual([]);
      expect(await ledger.withdrawEnrolmentsOf({ cluster: 'hpc', at: start + 1 })).toEqual([
        { node: 'n2', token: 'b2'.repeat(32) },
        { node: 'n3', token: 'c3'.repeat(32) },
      ]);
      expect(await spend({ node: 'n2', token: 'b2'.repeat(32) })).toBe('unknown');
      expect(await spend({ cluster: 'other' })).toBe('spent');
      expect((await ledger.listEnrolments({ cluster: 'hpc', limit: 9 })).map(({ node }) => node)).toEqual([
        'n1',
        'n4',
      ]);
    });

    it('at the same time as it is spent: one of both', async () => {
      for (let round = 0; round < 8; round += 1) {
        await ledger.addEnrolments([aToken({ node: 'n1' }), aToken({ node: 'n2' })]);
        const [one, other, first, { outcome }, ofCluster] = await Promise.all([
          spend(),
          spend({ node: 'n2' }),
          spend({ key: 'k2' }),
          withdraw(),
          ledger.withdrawEnrolmentsOf({ cluster: 'hpc', at: start + 1 }),
        ]);
        const nodes = ofCluster.map(({ node }) => node);
        const isWithdrawn = outcome === 'withdrawn' || nodes.includes('n1');
        expect([isWithdrawn, one === 'spent' || first === 'spent']).toEqual([isWithdrawn, !isWithdrawn]);
        expect(other).toBe(nodes.includes('n2') ? 'unknown' : 'spent');
      }
    });
  });

  describe('the list of tokens', () => {
    const names = (listed: readonly { readonly cluster: string; readonly node: string }[]) =>
      listed.map(({ cluster, node }) => `${cluster}/${node}`);

    it('says who made each, until when it can be used and what key has spent it, and nothing of the token', async () => {
      expect(await ledger.listEnrolments({ limit: 9 })).toEqual([]);
      await ledger.addEnrolments([aToken(), aToken({ node: 'n2', by: 'admin:bob' })]);
      await spend();
      const known = { cluster: 'hpc', at: start, expiresAt: start + 600_000 };
      expect(await ledger.listEnrolments({ limit: 9 })).toEqual([
        { ...known, node: 'n1', by: 'admin:ada', key: 'k1' },
        { ...known, node: 'n2', by: 'admin:bob', key: undefined },
      ]);
      await ledger.addEnrolments([aToken({ by: 'admin:eve', at: start + 5, expiresAt: start + 9 })]);
      expect(await ledger.listEnrolments({ limit: 1 })).toEqual([
        { cluster: 'hpc', node: 'n1', by: 'admin:eve', at: start + 5, expiresAt: start + 9, key: undefined },
      ]);
    });

    it('goes on where a page has ended, of one cluster or of all, of all tokens or of unused ones', async () => {
      await ledger.addEnrolments([
        aToken({ cluster: 'b', node: 'n1' }),
        aToken({ cluster: 'a', node: 'n2' }),
        aToken({ cluster: 'a', node: 'n1' }),
        aToken({ cluster: 'a', node: 'n3', expiresAt: start + 5 }),
      ]);
      await spend({ cluster: 'a' });
      const after = { cluster: 'a', node: 'n2' };
      expect(names(await ledger.listEnrolments({ limit: 2 }))).toEqual(['a/n1', 'a/n2']);
      expect(names(await ledger.listEnrolments({ limit: 9, after }))).toEqual(['a/n3', 'b/n1']);
      expect(names(await ledger.listEnrolments({ limit: 9, after, cluster: 'a' }))).toEqual(['a/n3']);
      expect(names(await ledger.listEnrolments({ limit: 9, unusedAt: start + 4 }))).toEqual([
        'a/n2',
        'a/n3',
        'b/n1',
      ]);
      expect(names(await ledger.listEnrolments({ limit: 9, unusedAt: start + 5, cluster: 'a' }))).toEqual([
        'a/n2',
      ]);
    });
  });
}
