import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPodView } from '../../../src/identity/pod-view.ts';
import { FakeClock } from './fake-clock.ts';
import { aRecord, uidOf } from './pods.ts';
import { podUid } from './tokens.ts';

function aView(options: { maxPast?: number } = {}) {
  const clock = new FakeClock();
  const news: string[] = [];
  const view = createPodView({
    clock,
    staleAfterMs: 60_000,
    lostAfterMs: 600_000,
    maxPast: options.maxPast ?? 1_000,
    listener: (uid, phase) => news.push(`${uid === podUid ? 'pod' : uid} ${phase}`),
  });
  const list = (...records: ReturnType<typeof aRecord>[]) => {
    const taken = view.beginList();
    for (const record of records) taken.put(record);
    view.touch(clock.monotonic());
    taken.commit();
  };
  return { view, clock, news, list, phase: (uid = podUid) => view.state(uid).phase };
}

describe('createPodView', () => {
  it('knows nothing before the first complete list, and silence is not an end', () => {
    const { view, phase } = aView();
    expect(view.state(podUid)).toEqual({ phase: 'unknown', freshness: 'lost' });
    view.beginList().put(aRecord({ uid: uidOf(1) }));
    expect(phase()).toBe('unknown');
    expect(phase(uidOf(1))).toBe('running');
  });

  it('says ended for a pod that a complete view lacks, but not once that view is old', async () => {
    const { clock, list, phase } = aView();
    list(aRecord());
    expect(phase(uidOf(1))).toBe('ended');
    await clock.advance(60_001);
    expect(phase(uidOf(1))).toBe('unknown');
    expect(phase()).toBe('running');
  });

  it('ages from fresh over stale to lost, and a sign of life makes it fresh again', async () => {
    const { view, clock, list } = aView();
    list();
    await clock.advance(60_000);
    expect(view.freshness()).toBe('fresh');
    await clock.advance(1);
    expect(view.freshness()).toBe('stale');
    await clock.advance(540_000);
    expect(view.freshness()).toBe('lost');
    view.touch(clock.monotonic());
    expect(view.freshness()).toBe('fresh');
  });

  it('is as old as the list was asked for, whatever jumps the wall clock makes', async () => {
    const { view, clock } = aView();
    const asked = clock.monotonic();
    await clock.advance(50_000);
    view.touch(asked);
    expect(view.ageMs()).toBe(50_000);
    clock.setWall(0);
    expect(view.ageMs()).toBe(50_000);
  });

  it('moves through terminating to ended, and tells each move once', () => {
    const { view, clock, news, list, phase } = aView();
    list(aRecord());
    view.put(aRecord({ deletionAt: clock.now() + 30_000 }));
    view.put(aRecord({ deletionAt: clock.now() + 30_000, labels: {} }));
    expect(phase()).toBe('terminating');
    view.remove(podUid);
    view.remove(podUid);
    expect(phase()).toBe('ended');
    expect(news).toEqual(['pod terminating', 'pod ended']);
  });

  it('ends a pod 30 s past its deletion time, even if its node never confirms', async () => {
    const { view, clock, news, list, phase } = aView();
    list(aRecord());
    view.put(aRecord({ deletionAt: clock.now() + 30_000 }));
    await clock.advance(59_999);
    expect(phase()).toBe('terminating');
    await clock.advance(1);
    expect(phase()).toBe('ended');
    view.put(aRecord({ deletionAt: clock.now() }));
    expect(phase()).toBe('ended');
    expect(news).toEqual(['pod terminating', 'pod ended']);
  });

  it.each([
    ['ahead', 3_600_000],
    ['behind', -3_600_000],
  ])(
    'gives a pod that was running its whole grace period, with a wall clock that is an hour %s',
    async (_where, ms) => {
      const { view, clock, list, phase } = aView();
      list(aRecord());
      const deletionAt = clock.now() + 30_000;
      clock.setWall(clock.now() + ms);
      view.put(aRecord({ deletionAt, gracePeriodSeconds: 30 }));
      await clock.advance(59_999);
      expect(phase()).toBe('terminating');
      await clock.advance(1);
      expect(phase()).toBe('ended');
    },
  );

  it('gives a pod that was being deleted before it was seen no more than its grace period', async () => {
    const { view, clock, list, phase } = aView();
    const deletionAt = clock.now() + 10_000;
    list(aRecord({ deletionAt, gracePeriodSeconds: 30 }));
    list(
      aRecord({ deletionAt, gracePeriodSeconds: 30 }),
      aRecord({ uid: uidOf(1), deletionAt: clock.now() + 3_600_000, gracePeriodSeconds: 30 }),
    );
    await clock.advance(40_000);
    expect([phase(), phase(uidOf(1))]).toEqual(['ended', 'terminating']);
    view.touch(clock.monotonic());
    await clock.advance(20_000);
    expect(phase(uidOf(1))).toBe('ended');
  });

  it('ends a pod at once that was to be gone long ago, and one sooner that is deleted again with less grace', async () => {
    const { view, clock, list, phase } = aView();
    list(
      aRecord({ deletionAt: clock.now() - 30_000 }),
      aRecord({ uid: uidOf(1), deletionAt: clock.now() + 3_600_000 }),
    );
    expect(phase()).toBe('ended');
    view.put(aRecord({ uid: uidOf(1), deletionAt: clock.now() }));
    await clock.advance(30_000);
    expect(phase(uidOf(1))).toBe('ended');
  });

  it('ends finished pods and keeps none of them', () => {
    const { view, list, news, phase } = aView();
    list(aRecord());
    view.put(aRecord({ finished: true }));
    expect(phase()).toBe('ended');
    expect(view.size()).toBe(0);
    expect(news).toEqual(['pod ended']);
  });

  it('takes a deletion back for nobody', () => {
    const { view, clock, list, phase } = aView();
    list(aRecord({ deletionAt: clock.now() + 30_000 }));
    view.put(aRecord({ deletionAt: undefined, node: '' }));
    expect(phase()).toBe('terminating');
    expect(view.get(podUid)?.node).toBe('node-1');
    view.remove(podUid);
    view.put(aRecord());
    view.insert(aRecord());
    expect(phase()).toBe('ended');
    expect(view.get(podUid)).toBeUndefined();
  });

  it('ends what a new list no longer names', () => {
    const { list, news, phase } = aView();
    list(aRecord(), aRecord({ uid: uidOf(1) }));
    list(aRecord({ uid: uidOf(1) }), aRecord({ uid: uidOf(2) }));
    expect([phase(), phase(uidOf(1)), phase(uidOf(2))]).toEqual(['ended', 'running', 'running']);
    expect(news).toEqual(['pod ended']);
  });

  it('keeps a pod that was found while a list without it was under way, and says that it is in doubt', () => {
    const { view, clock, list, phase } = aView();
    list(aRecord({ uid: uidOf(1) }));
    const taken = view.beginList();
    view.insert(aRecord());
    view.insert(aRecord({ uid: uidOf(2) }));
    taken.put(aRecord({ uid: uidOf(2) }));
    view.touch(clock.monotonic());
    expect(taken.commit()).toEqual([aRecord()]);
    expect([phase(), phase(uidOf(1)), phase(uidOf(2))]).toEqual(['running', 'ended', 'running']);
  });

  it('ends nobody by a list that was given up', () => {
    const { view, list, phase } = aView();
    list(aRecord());
    const given = view.beginList();
    given.put(aRecord({ uid: uidOf(1) }));
    view.beginList().put(aRecord());
    given.commit();
    expect(phase()).toBe('running');
  });

  it('remembers the absent apart from the ended, and believes a pod that does appear', () => {
    const { view, phase } = aView();
    view.markAbsent(podUid);
    expect([view.past(podUid), phase()]).toEqual(['absent', 'ended']);
    view.put(aRecord());
    expect([view.past(podUid), phase()]).toEqual([undefined, 'running']);
    view.markAbsent(podUid);
    expect(phase()).toBe('running');
  });

  it('bounds what it remembers of the past', () => {
    const { view } = aView({ maxPast: 3 });
    for (let at = 0; at < 10; at += 1) view.markAbsent(uidOf(at));
    expect([6, 7, 8, 9].map((at) => view.past(uidOf(at)))).toEqual([undefined, 'absent', 'absent', 'absent']);
  });

  it('leaves no timer behind', () => {
    const { view, clock, list } = aView();
    list(aRecord({ deletionAt: clock.now() + 30_000 }));
    view.close();
    expect(clock.pending).toBe(0);
  });

  it('never goes back, whatever order reports come in', async () => {
    const rank = { unknown: 0, running: 1, terminating: 2, ended: 3 };
    const step = fc.oneof(
      fc.record({ kind: fc.constant('put' as const), deleted: fc.boolean(), finished: fc.boolean() }),
      fc.constant({ kind: 'remove' as const }),
      fc.record({ kind: fc.constant('list' as const), named: fc.boolean() }),
      fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 70_000 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const { view, clock, list, phase } = aView();
        list(aRecord());
        let highest = rank[phase()];
        for (const one of steps) {
          if (one.kind === 'wait') await clock.advance(one.ms);
          else if (one.kind === 'remove') view.remove(podUid);
          else if (one.kind === 'list') list(...(one.named ? [aRecord()] : []));
          else
            view.put(aRecord({ finished: one.finished, deletionAt: one.deleted ? clock.now() : undefined }));
          const reached = rank[phase()];
          expect(reached).toBeGreaterThanOrEqual(highest);
          highest = reached;
        }
      }),
      { numRuns: 100 },
    );
  });
});
