import { afterAll, beforeAll, expect, it } from 'vitest';
import { hasCode } from '../../../src/platform/error.ts';
import type { TestKubernetes } from '../../support/parts/kubernetes.ts';
import { waitFor } from '../../support/parts/wait-until-ready.ts';
import { describeWith } from '../../support/require.ts';
import { expectRefusal } from '../../unit/identity/refusal.ts';
import { audience, namespace, startRealClusters } from './real-clusters.ts';
import type { RealClusters } from './real-clusters.ts';

describeWith(['kubernetes'], 'pod identity at real API servers', () => {
  let real: RealClusters;
  beforeAll(async () => {
    real = await startRealClusters();
  });
  afterAll(async () => {
    // Undefined when the start failed, which has been reported then.
    await (real as RealClusters | undefined)?.[Symbol.asyncDispose]();
  });

  const verify = (token: string, purpose: 'new' | 'held' = 'new') =>
    real.clusters.verifier.verify(Buffer.from(token), { purpose, signal: AbortSignal.timeout(60_000) });
  const phaseOf = (workload: string) => real.clusters.states.state(workload).phase;
  const until = (what: string, condition: () => boolean) => waitFor(what, async () => condition());
  let names = 0;
  const aPod = async (kubernetes: TestKubernetes, options: { labels?: Record<string, string> } = {}) => {
    names += 1;
    const pod = await kubernetes.createPod({ namespace, name: `pod-${names}`, ...options });
    return { pod, token: await kubernetes.createBoundToken({ ...pod, audience }) };
  };

  it('refuses tokens that are not bound to a pod, live too long, or are for others', async () => {
    const { east } = real;
    const { pod } = await aPod(east);
    const unbound = await east.createUnboundToken({ namespace, serviceAccount: 'default', audience });
    await expectRefusal(() => verify(unbound), 'credential_not_bound');
    const long = await east.createBoundToken({ ...pod, audience, expirationSeconds: 7_200 });
    await expectRefusal(() => verify(long), 'credential_lifetime');
    const other = await east.createBoundToken({ ...pod, audience: 'vault' });
    await expectRefusal(() => verify(other), 'credential_wrong_audience');
    const forServer = await east.createBoundToken({ ...pod, audience: east.issuer });
    await expectRefusal(() => verify(forServer), 'credential_wrong_audience');
  });

  it('verifies the bound tokens of both clusters and does not mix them', async () => {
    const both = [
      { cluster: 'east', ...(await aPod(real.east, { labels: { app: 'till' } })) },
      { cluster: 'west', ...(await aPod(real.west, { labels: { app: 'till' } })) },
    ];
    for (const { cluster, pod, token } of both) {
      const { identity } = await verify(token);
      expect(identity).toMatchObject({
        workload: `pod/${cluster}/${pod.uid}`,
        namespace,
        serviceAccount: 'default',
        pod: pod.name,
        node: 'node-1',
        labels: { app: 'till' },
        images: { known: true, digests: [`sha256:${'a'.repeat(64)}`] },
      });
      expect(phaseOf(identity.workload)).toBe('running');
    }
    const [east, west] = both.map(({ token }) => token.split('.'));
    const forged = [west?.[0], east?.[1], west?.[2]].join('.');
    await expectRefusal(() => verify(forged), 'credential_unknown_key');
  });

  it('knows a pod that its watch has not shown yet by asking for it once', async () => {
    const before = real.counts.get('east look-up found') ?? 0;
    const { pod, token } = await aPod(real.east);
    // Whether the watch or the token comes first is chance; at most one question is asked either way.
    await Promise.all(Array.from({ length: 20 }, () => verify(token)));
    expect((real.counts.get('east look-up found') ?? 0) - before).toBeLessThanOrEqual(1);
    expect(phaseOf(`pod/east/${pod.uid}`)).toBe('running');
  });

  it('says that a deleted pod has ended, and refuses the token that has not expired', async () => {
    const { pod, token } = await aPod(real.east);
    const { identity } = await verify(token);
    await real.east.deletePod(pod, { gracePeriodSeconds: 0 });
    await until('the end', () => phaseOf(identity.workload) === 'ended');
    expect(real.news).toContainEqual([identity.workload, 'ended']);
    await expectRefusal(() => verify(token, 'held'), 'workload_ended');

    const again = await real.east.createPod({ namespace, name: pod.name });
    const fresh = await real.east.createBoundToken({ ...again, audience });
    expect((await verify(fresh)).identity.podUid).toBe(again.uid);
    await expectRefusal(() => verify(token), 'workload_ended');
  });

  it('refuses a terminating pod what is new, keeps what it holds, and takes a finished pod as ended', async () => {
    const { pod, token } = await aPod(real.east);
    const { identity } = await verify(token);
    await real.east.deletePod(pod, { gracePeriodSeconds: 300 });
    await until('termination', () => phaseOf(identity.workload) === 'terminating');
    await expectRefusal(() => verify(token), 'workload_terminating');
    expect((await verify(token, 'held')).identity.podUid).toBe(pod.uid);

    const job = await aPod(real.east);
    await verify(job.token);
    await real.east.setPodStatus({ ...job.pod, phase: 'Succeeded' });
    await until('the end of the job', () => phaseOf(`pod/east/${job.pod.uid}`) === 'ended');
    await expectRefusal(() => verify(job.token, 'held'), 'workload_ended');
  });

  it('takes the word of the running container on its image', async () => {
    const { pod, token } = await aPod(real.east);
    const imagesAre = (known: boolean) => async () => (await verify(token)).identity.images.known === known;
    await real.east.setPodStatus({
      ...pod,
      phase: 'Running',
      imageId: `registry.example/app@sha256:${'b'.repeat(64)}`,
    });
    await waitFor('unknown images', imagesAre(false));
    await real.east.setPodStatus({
      ...pod,
      phase: 'Running',
      imageId: `mirror.example/app@sha256:${'a'.repeat(64)}`,
    });
    await waitFor('known images', imagesAre(true));
  });

  it.each(['broken', 'silent'] as const)(
    'goes stale when its connection is %s, and hears of what it missed when it is back',
    async (mode) => {
      const kept = await aPod(real.east);
      const lost = await aPod(real.east);
      await Promise.all([verify(kept.token), verify(lost.token)]);
      const workload = `pod/east/${lost.pod.uid}`;
      const lists = () => (real.counts.get('east list') ?? 0) - (real.counts.get('east watch timeout') ?? 0);
      const before = lists();
      real.eastProxy.set(mode);
      await real.east.deletePod(lost.pod, { gracePeriodSeconds: 0 });
      await until('staleness', () => real.clusters.states.state(workload).freshness === 'stale');
      await expectRefusal(() => verify(kept.token), 'workload_stale');
      // Keys and pods are in memory, so what a pod holds goes on.
      expect((await verify(kept.token, 'held')).identity.podUid).toBe(kept.pod.uid);
      expect(phaseOf(workload)).toBe('running');
      real.eastProxy.set('open');
      await until('the end', () => phaseOf(workload) === 'ended');
      // By the watch alone, from where it was.
      expect(lists()).toBeLessThanOrEqual(before);
      await waitFor('a fresh view', async () => {
        try {
          return (await verify(kept.token)).identity.podUid === kept.pod.uid;
        } catch (error) {
          if (hasCode(error, 'workload_stale')) return false;
          throw error;
        }
      });
    },
  );

  it('takes a new list when the version it had is gone, and ends what is missing there', async () => {
    const { west, westProxy, counts } = real;
    const kept = await aPod(west);
    const lost = await aPod(west);
    await Promise.all([verify(kept.token), verify(lost.token)]);
    const version = await reachedVersion(west);
    westProxy.set('broken');
    await west.deletePod(lost.pod, { gracePeriodSeconds: 0 });
    await waitFor('the loss of the old version', async () => isCompacted(west, version));
    const expired = counts.get('west watch expired') ?? 0;
    westProxy.set('open');
    await until('the end', () => phaseOf(`pod/west/${lost.pod.uid}`) === 'ended');
    expect(counts.get('west watch expired')).toBeGreaterThan(expired);
    expect(phaseOf(`pod/west/${kept.pod.uid}`)).toBe('running');
  });

  it('asked for lists and keys a few times in all, and for pods hardly ever', () => {
    const of = (key: string) => real.counts.get(key) ?? 0;
    // Beside the first: one after each watch that has told nothing until its end, none for a connection that broke or for who asks.
    expect(of('east list')).toBeLessThanOrEqual(1 + of('east watch timeout') + of('east watch expired'));
    // Beside the first: one for the key of the forged token, where that came past the cool-down.
    expect(of('east keys ok')).toBeLessThanOrEqual(2);
    expect(of('east look-up failed') + of('east look-up limited')).toBe(0);
  });
});

async function reachedVersion(kubernetes: TestKubernetes): Promise<string> {
  const list = await kubernetes.call('GET', '/api/v1/pods?limit=1');
  // The answer of a list; anything else fails the test here.
  return (list as { metadata: { resourceVersion: string } }).metadata.resourceVersion;
}

async function isCompacted(kubernetes: TestKubernetes, version: string): Promise<boolean> {
  const path = `/api/v1/pods?resourceVersion=${version}&resourceVersionMatch=Exact&limit=1`;
  return (await kubernetes.request('GET', path)).status === 410;
}
