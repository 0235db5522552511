import { afterEach, describe, expect, it } from 'vitest';
import { createClusters } from '../../../src/identity/clusters.ts';
import type { Clusters } from '../../../src/identity/clusters.ts';
import type { WorkloadState } from '../../../src/identity/identity.ts';
import { createLocalIssuer } from '../../../src/identity/local-issuer.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { FakeClock, settle } from './fake-clock.ts';
import { digest } from './pods.ts';
import { expectRefusal } from './refusal.ts';
import { trust } from './tokens.ts';

const signal = new AbortController().signal;
const till = { namespace: 'shop', name: 'till-0', serviceAccount: 'till', node: 'node-1' };

const open: Clusters[] = [];
afterEach(async () => {
  for (const clusters of open.splice(0)) await clusters[Symbol.asyncDispose]();
});

async function localClusters() {
  const clock = new FakeClock();
  const issuer = await createLocalIssuer({ trust, clock });
  const clusters = createClusters({
    trustDomain: 'example.org',
    clusters: [],
    development: [issuer.source],
    clock,
    log: silentLog,
    random: () => 0.5,
  });
  open.push(clusters);
  await clusters.ready(signal);
  const verify = async (token: string, purpose: 'new' | 'held' = 'new') =>
    clusters.verifier.verify(Buffer.from(token), { purpose, signal });
  return { clock, issuer, clusters, verify };
}

describe('createClusters with the local issuer', () => {
  it('refuses tokens for another audience, of too long a life, and of a pod it does not have', async () => {
    const { issuer, verify } = await localClusters();
    const uid = issuer.addPod(till);
    const wrong = await issuer.issueToken(uid, { audience: 'vault' });
    await expectRefusal(() => verify(wrong), 'credential_wrong_audience');
    const long = await issuer.issueToken(uid, { lifeSeconds: trust.maxTokenSeconds + 1 });
    await expectRefusal(() => verify(long), 'credential_lifetime');
    const token = await issuer.issueToken(uid);
    issuer.removePod(uid);
    await expectRefusal(() => verify(token), 'workload_ended');
    await expectRefusal(() => issuer.issueToken(uid), 'workload_unknown');
  });

  it('verifies pods by the same rules as a real cluster and tells how they end', async () => {
    const { clock, issuer, clusters, verify } = await localClusters();
    const uid = issuer.addPod({ ...till, labels: { app: 'till' }, imageDigests: [digest('a')] });
    const news: [string, WorkloadState][] = [];
    const unsubscribe = clusters.states.subscribe((workload, state) => news.push([workload, state]));
    const token = await issuer.issueToken(uid);
    const { identity } = await verify(token);
    expect(identity).toMatchObject({
      workload: `pod/east/${uid}`,
      images: { known: true, digests: [digest('a')] },
    });
    expect(clusters.states.state(identity.workload)).toEqual({ phase: 'running', freshness: 'fresh' });

    issuer.terminatePod(uid, 30);
    await expectRefusal(() => verify(token), 'workload_terminating');
    await verify(token, 'held');
    await clock.advance(60_000);
    expect(clusters.states.state(identity.workload)).toEqual({ phase: 'ended', freshness: 'fresh' });
    const other = issuer.addPod({ ...till, name: 'till-1' });
    unsubscribe();
    issuer.removePod(other);
    expect(news).toEqual([
      [identity.workload, { phase: 'terminating', freshness: 'fresh' }],
      [identity.workload, { phase: 'ended', freshness: 'fresh' }],
    ]);
  });

  it('stays fresh for as long as it runs', async () => {
    const { clock, clusters } = await localClusters();
    await clock.advance(3_600_000);
    expect(clusters.status()).toEqual([
      { name: 'east', pods: 0, keys: 1, freshness: 'fresh', watchAgeSeconds: 0 },
    ]);
  });

  it('knows nothing about workloads of clusters that it does not have', async () => {
    const { issuer, clusters } = await localClusters();
    const uid = issuer.addPod(till);
    for (const workload of [`pod/west/${uid}`, `run/east/${uid}`, `pod/east/${uid}/x`, uid, ''])
      expect(clusters.states.state(workload)).toEqual({ phase: 'unknown', freshness: 'lost' });
  });

  it('keeps a failing subscriber from the watch and from the others', async () => {
    const { issuer, clusters } = await localClusters();
    const heard: string[] = [];
    clusters.states.subscribe(() => {
      throw new Error('broken');
    });
    clusters.states.subscribe((workload) => heard.push(workload));
    const uid = issuer.addPod(till);
    issuer.removePod(uid);
    expect(heard).toEqual([`pod/east/${uid}`]);
  });

  it('refuses two sources with one issuer before anything starts', async () => {
    const clock = new FakeClock();
    const sources = [trust, { ...trust, name: 'west' }].map((own) =>
      createLocalIssuer({ trust: own, clock }),
    );
    const development = (await Promise.all(sources)).map(({ source }) => source);
    await expectRefusal(
      () =>
        createClusters({
          trustDomain: 'example.org',
          clusters: [],
          development,
          clock,
          log: silentLog,
          random: () => 0,
        }),
      'config_invalid',
    );
    expect(clock.pending).toBe(0);
  });

  it('ends everything it started', async () => {
    const { clock, issuer, clusters } = await localClusters();
    issuer.terminatePod(issuer.addPod(till), 30);
    await clusters[Symbol.asyncDispose]();
    await settle();
    expect(clock.pending).toBe(0);
  });
});
