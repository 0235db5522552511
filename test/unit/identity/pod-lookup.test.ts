import { describe, expect, it } from 'vitest';
import { silentIdentityEvents } from '../../../src/identity/identity-events.ts';
import { createPodLookup } from '../../../src/identity/pod-lookup.ts';
import type { PodRecord } from '../../../src/identity/pod-record.ts';
import { createPodView } from '../../../src/identity/pod-view.ts';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { FakeClock, settle } from './fake-clock.ts';
import { aRecord, uidOf } from './pods.ts';
import { expectRefusal } from './refusal.ts';
import { podUid } from './tokens.ts';

const signal = new AbortController().signal;
const till = { uid: podUid, namespace: 'shop', name: 'till-0' };

function aLookup(answer: (name: string) => Promise<PodRecord | undefined>) {
  const clock = new FakeClock();
  const outcomes: string[] = [];
  const asked: string[] = [];
  const view = createPodView({
    clock,
    staleAfterMs: 60_000,
    lostAfterMs: 600_000,
    maxPast: 100,
    listener: () => undefined,
  });
  view.touch(clock.monotonic());
  const lookup = createPodLookup({
    cluster: 'east',
    source: {
      run: async () => undefined,
      find: (namespace, name) => {
        asked.push(`${namespace}/${name}`);
        return answer(name);
      },
    },
    view,
    clock,
    events: { ...silentIdentityEvents, podLookedUp: (_cluster, outcome) => outcomes.push(outcome) },
    burst: 3,
    perSecond: 1,
  });
  return { lookup, view, clock, outcomes, asked };
}

describe('createPodLookup', () => {
  it('asks once for all who ask at the same time, and the view knows the pod from then on', async () => {
    const { lookup, view, asked, outcomes } = aLookup(async () => aRecord());
    const found = await Promise.all(Array.from({ length: 50 }, () => lookup.find(till, signal)));
    expect(new Set(found)).toEqual(new Set([view.get(podUid)]));
    expect(asked).toEqual(['shop/till-0']);
    expect(outcomes.filter((outcome) => outcome === 'shared')).toHaveLength(49);
    expect(view.state(podUid).phase).toBe('running');
  });

  it('stays under its rate, and says when to come again', async () => {
    const { lookup, clock, asked } = aLookup(async () => undefined);
    const ask = (at: number) => lookup.find({ ...till, name: `till-${at}`, uid: uidOf(at) }, signal);
    for (let at = 0; at < 3; at += 1) await expectRefusal(() => ask(at), 'workload_unknown');
    const error = await expectRefusal(() => ask(3), 'identity_unavailable');
    expect(error.retryAfterMs).toBe(1_000);
    await clock.advance(1_000);
    await expectRefusal(() => ask(4), 'workload_unknown');
    await expectRefusal(() => ask(5), 'identity_unavailable');
    expect(asked).toHaveLength(4);
  });

  it('refuses a pod that is not there, or is another one of that name', async () => {
    for (const answer of [undefined, aRecord({ uid: uidOf(1) })]) {
      const { lookup, view } = aLookup(async () => answer);
      await expectRefusal(() => lookup.find(till, signal), 'workload_unknown');
      expect(view.past(podUid)).toBe('absent');
    }
  });

  it('does not bring back a pod whose end the watch reported meanwhile', async () => {
    const answer = Promise.withResolvers<PodRecord>();
    const { lookup, view } = aLookup(() => answer.promise);
    const refused = expectRefusal(() => lookup.find(till, signal), 'workload_ended');
    await settle();
    view.remove(podUid);
    answer.resolve(aRecord());
    await refused;
    expect(view.get(podUid)).toBeUndefined();
  });

  it('refuses a pod that has finished', async () => {
    const { lookup } = aLookup(async () => aRecord({ finished: true }));
    await expectRefusal(() => lookup.find(till, signal), 'workload_ended');
  });

  it('passes on that the cluster did not answer, and asks again next time', async () => {
    let isUp = false;
    const { lookup } = aLookup(async () => {
      if (!isUp) throw new LeaseholdError('identity_unavailable');
      return aRecord();
    });
    await expectRefusal(() => lookup.find(till, signal), 'identity_unavailable');
    isUp = true;
    expect((await lookup.find(till, signal)).uid).toBe(podUid);
  });

  it('lets one caller go without taking the answer from the others', async () => {
    const answer = Promise.withResolvers<PodRecord>();
    const { lookup } = aLookup(() => answer.promise);
    const impatient = new AbortController();
    const refused = expectRefusal(() => lookup.find(till, impatient.signal), 'cancelled');
    const served = lookup.find(till, signal);
    await settle();
    impatient.abort();
    await refused;
    answer.resolve(aRecord());
    expect((await served).uid).toBe(podUid);
  });
});
