import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ClusterTrust } from '../../../src/identity/cluster-config.ts';
import { silentIdentityEvents } from '../../../src/identity/identity-events.ts';
import { createKeySet } from '../../../src/identity/keys.ts';
import { createPodLookup } from '../../../src/identity/pod-lookup.ts';
import type { PodRecord } from '../../../src/identity/pod-record.ts';
import { createPodVerifier } from '../../../src/identity/pod-verifier.ts';
import { createPodView } from '../../../src/identity/pod-view.ts';
import type { ErrorCode } from '../../../src/platform/error.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { FakeClock } from './fake-clock.ts';
import { aRecord, uidOf } from './pods.ts';
import { expectRefusal } from './refusal.ts';
import {
  base64url,
  bindingOf,
  claimsAt,
  jwksOf,
  podUid,
  publicPem,
  serviceAccountUid,
  signedToken,
  signingKey,
  trust,
} from './tokens.ts';
import type { Claims, SigningKey } from './tokens.ts';

const east = signingKey('k1');
const rsa = signingKey('rsa', 'RS256');

/** One cluster in parts, its pods known to the view from the start. */
async function aCluster(
  clock: FakeClock,
  own: ClusterTrust,
  signing: readonly SigningKey[],
  pods: readonly PodRecord[],
) {
  const asked: string[] = [];
  const api = new Map<string, PodRecord>();
  const keys = createKeySet({
    cluster: own.name,
    load: async () => jwksOf(...signing),
    clock,
    log: silentLog,
    events: silentIdentityEvents,
    cooldownMs: 30_000,
    refreshMs: 600_000,
  });
  await keys.ready();
  const view = createPodView({
    clock,
    staleAfterMs: own.staleAfterSeconds * 1000,
    lostAfterMs: own.lostAfterSeconds * 1000,
    maxPast: 100,
    listener: () => undefined,
  });
  const list = view.beginList();
  for (const pod of pods) list.put(pod);
  view.touch(clock.monotonic());
  list.commit();
  const lookup = createPodLookup({
    cluster: own.name,
    source: {
      run: async () => undefined,
      find: async (_namespace, name) => {
        asked.push(name);
        return api.get(name);
      },
    },
    view,
    clock,
    events: silentIdentityEvents,
    burst: 10,
    perSecond: 1,
  });
  return { trust: own, keys, view, lookup, api, asked };
}

async function aVerifier(pods: readonly PodRecord[] = [aRecord()]) {
  const clock = new FakeClock();
  const cluster = await aCluster(clock, trust, [east, rsa], pods);
  const verifier = createPodVerifier({ clusters: [cluster], trustDomain: 'example.org', clock });
  const verify = (token: Uint8Array, purpose: 'new' | 'held' = 'new') =>
    verifier.verify(token, { purpose, signal: new AbortController().signal });
  const token = (changes: Claims = {}, key = east) => signedToken(key, claimsAt(clock.now(), changes));
  const refuse = (bytes: Uint8Array, code: ErrorCode, purpose: 'new' | 'held' = 'new') =>
    expectRefusal(() => verify(bytes, purpose), code);
  return { ...cluster, clock, verifier, verify, token, refuse };
}

describe('createPodVerifier, the signature', () => {
  it('refuses a token signed by another key of the same id', async () => {
    const { token, refuse } = await aVerifier();
    await refuse(token({}, signingKey('k1')), 'credential_bad_signature');
  });

  it('refuses a payload that was changed after signing', async () => {
    const { token, refuse, clock } = await aVerifier();
    const [header = '', , signature = ''] = token().toString().split('.');
    const other = base64url(JSON.stringify(claimsAt(clock.now(), { jti: 'other' })));
    await refuse(Buffer.from(`${header}.${other}.${signature}`), 'credential_bad_signature');
  });

  it('refuses HS256 made with the public key as its secret', async () => {
    const { refuse, clock } = await aVerifier();
    const input = `${base64url('{"alg":"HS256","kid":"rsa"}')}.${base64url(JSON.stringify(claimsAt(clock.now())))}`;
    for (const secret of [publicPem(rsa), JSON.stringify(rsa.publicJwk)])
      await refuse(
        Buffer.from(`${input}.${base64url(createHmac('sha256', secret).update(input).digest())}`),
        'credential_malformed',
      );
  });

  it('refuses alg none, with and without a signature', async () => {
    const { refuse, clock } = await aVerifier();
    const input = `${base64url('{"alg":"none","kid":"k1"}')}.${base64url(JSON.stringify(claimsAt(clock.now())))}`;
    for (const signature of ['', base64url('x')])
      await refuse(Buffer.from(`${input}.${signature}`), 'credential_malformed');
  });

  it('refuses an algorithm that is not the one of the key', async () => {
    const { refuse, clock } = await aVerifier();
    const claims = claimsAt(clock.now());
    const curve = signingKey('k1', 'ES384');
    for (const [key, header] of [
      [curve, { alg: 'ES384', kid: 'k1' }],
      [curve, { alg: 'ES256', kid: 'k1' }],
      [rsa, { alg: 'PS256', kid: 'rsa' }],
      [rsa, { alg: 'RS256', kid: 'k1' }],
      [east, { alg: 'ES256', kid: 'rsa' }],
    ] as const)
      await refuse(signedToken(key, claims, header), 'credential_bad_signature');
  });

  it('refuses an unknown key id and an unknown issuer', async () => {
    const { token, refuse } = await aVerifier();
    await refuse(token({}, signingKey('k9')), 'credential_unknown_key');
    for (const iss of [
      'https://kubernetes.west.example',
      `${trust.issuer}/`,
      `${trust.issuer}.evil.example`,
      'https://kubernetes',
    ])
      await refuse(token({ iss }), 'credential_unknown_issuer');
  });

  it('asks the cluster nothing for a token that is not proved', async () => {
    const { token, refuse, asked } = await aVerifier([]);
    await refuse(token({}, signingKey('k1')), 'credential_bad_signature');
    await refuse(token({ aud: ['vault'] }), 'credential_wrong_audience');
    expect(asked).toEqual([]);
  });
});

describe('createPodVerifier, several clusters', () => {
  const westTrust = { ...trust, name: 'west', issuer: `${trust.issuer}.west` };
  const westKey = signingKey('k1');

  it('never takes a token of one cluster for the other, with the same key id and an issuer that begins alike', async () => {
    const clock = new FakeClock();
    const clusters = [
      await aCluster(clock, trust, [east], [aRecord()]),
      await aCluster(clock, westTrust, [westKey], [aRecord()]),
    ];
    const verifier = createPodVerifier({ clusters, trustDomain: 'example.org', clock });
    const verify = (key: SigningKey, iss: string) =>
      verifier.verify(signedToken(key, claimsAt(clock.now(), { iss })), {
        purpose: 'new',
        signal: new AbortController().signal,
      });
    const workloads = [await verify(east, trust.issuer), await verify(westKey, westTrust.issuer)];
    expect(workloads.map(({ identity }) => identity.workload)).toEqual([
      `pod/east/${podUid}`,
      `pod/west/${podUid}`,
    ]);
    await expectRefusal(() => verify(westKey, trust.issuer), 'credential_bad_signature');
    await expectRefusal(() => verify(east, westTrust.issuer), 'credential_bad_signature');
  });

  it.each([
    ['one issuer for two clusters', [trust, { ...trust, name: 'west' }]],
    ['one name for two clusters', [trust, { ...trust, issuer: 'https://other.example' }]],
    ['a name with a slash', [{ ...trust, name: 'east/west' }]],
    ['no audience', [{ ...trust, audience: '' }]],
    ['limits in the wrong order', [{ ...trust, lostAfterSeconds: 60 }]],
  ])('refuses a configuration with %s', async (_what, trusts) => {
    const clock = new FakeClock();
    const clusters = await Promise.all(trusts.map((own) => aCluster(clock, own, [east], [])));
    await expectRefusal(
      () => createPodVerifier({ clusters, trustDomain: 'example.org', clock }),
      'config_invalid',
    );
  });

  it('refuses a trust domain that would not be one in a SPIFFE id', async () => {
    for (const trustDomain of ['', 'example.org/evil', 'Example.org', 'a b'])
      await expectRefusal(
        () => createPodVerifier({ clusters: [], trustDomain, clock: new FakeClock() }),
        'config_invalid',
      );
  });
});

describe('createPodVerifier, the pod', () => {
  it('refuses a token of a pod that was deleted, though the token has not expired', async () => {
    const { token, refuse, view, asked } = await aVerifier();
    view.remove(podUid);
    await refuse(token(), 'workload_ended');
    await refuse(token(), 'workload_ended', 'held');
    expect(asked).toEqual([]);
  });

  it('refuses a token of a pod that the cluster does not have, and asks only once', async () => {
    const { token, refuse, asked } = await aVerifier([]);
    for (let times = 0; times < 5; times += 1) await refuse(token(), 'workload_unknown');
    expect(asked).toEqual(['till-0']);
  });

  it('refuses a token of the pod before, when one of the same name runs now', async () => {
    const { token, refuse, api } = await aVerifier([aRecord({ uid: uidOf(1) })]);
    api.set('till-0', aRecord({ uid: uidOf(1) }));
    await refuse(token(), 'workload_unknown');
  });

  it.each([
    ['namespace', aRecord({ namespace: 'kube-system' })],
    ['name', aRecord({ name: 'till-1' })],
    ['service account', aRecord({ serviceAccount: 'admin' })],
    ['node', aRecord({ node: 'node-2' })],
  ])('refuses when the pod has another %s than the token', async (_what, pod) => {
    const { token, refuse } = await aVerifier([pod]);
    await refuse(token(), 'workload_unknown');
  });

  it('refuses a terminating pod what is new and keeps what it holds', async () => {
    const { token, refuse, verify, view, clock } = await aVerifier();
    view.put(aRecord({ deletionAt: clock.now() + 30_000 }));
    await refuse(token(), 'workload_terminating');
    expect((await verify(token(), 'held')).identity.podUid).toBe(podUid);
    await clock.advance(60_000);
    await refuse(token(), 'workload_ended', 'held');
  });

  it('refuses a pod that has finished', async () => {
    const { token, refuse, view } = await aVerifier();
    view.put(aRecord({ finished: true }));
    await refuse(token(), 'workload_ended', 'held');
  });

  it('refuses what is new on old knowledge, and everything on lost knowledge', async () => {
    const { token, refuse, verify, clock, view, asked } = await aVerifier();
    await clock.advance(60_001);
    const error = await refuse(token(), 'workload_stale');
    expect(error.retryAfterMs).toBeGreaterThan(0);
    expect((await verify(token(), 'held')).identity.podUid).toBe(podUid);
    await clock.advance(540_000);
    await refuse(token(), 'workload_stale', 'held');
    view.touch(clock.monotonic());
    expect((await verify(token())).identity.podUid).toBe(podUid);
    expect(asked).toEqual([]);
  });

  it('asks for a pod that the watch has not shown yet, and knows its state from then on', async () => {
    const { token, verify, api, asked, view } = await aVerifier([]);
    api.set('till-0', aRecord());
    await verify(token());
    await verify(token());
    expect(asked).toEqual(['till-0']);
    expect(view.state(podUid).phase).toBe('running');
  });

  it('asks again for a pod whose node the view does not know yet', async () => {
    const { token, verify, api } = await aVerifier([aRecord({ node: '' })]);
    api.set('till-0', aRecord());
    expect((await verify(token())).identity.node).toBe('node-1');
  });

  it('gives the identity that token and cluster agree on', async () => {
    const { token, verify, clock } = await aVerifier();
    const expected = {
      identity: {
        kind: 'pod',
        workload: `pod/east/${podUid}`,
        spiffeId: `spiffe://example.org/k8s/east/ns/shop/sa/till/pod/${podUid}`,
        cluster: 'east',
        namespace: 'shop',
        serviceAccount: 'till',
        serviceAccountUid,
        pod: 'till-0',
        podUid,
        node: 'node-1',
        labels: { app: 'till' },
        images: aRecord().images,
      },
      holder: 'pod',
      holders: ['pod'],
      credentialId: '3f0e2a9c-0000-4000-8000-000000000001',
      credentialExpiresAt: clock.now() + 600_000,
    };
    for (const key of [east, rsa]) expect(await verify(token({}, key))).toEqual(expected);
    // The node is the cluster's word where an older API server leaves it out of the token.
    expect((await verify(token({ 'kubernetes.io': bindingOf({ node: undefined }) }))).identity.node).toBe(
      'node-1',
    );
  });
});
