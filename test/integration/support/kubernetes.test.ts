import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose';
import type { JSONWebKeySet } from 'jose';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { httpsRequest } from '../../support/https-request.ts';
import { textAt, valueAt } from '../../support/json.ts';
import type { TestKubernetes } from '../../support/parts/kubernetes.ts';
import { startKubernetes } from '../../support/parts/kubernetes.ts';
import { waitFor } from '../../support/parts/wait-until-ready.ts';
import { describeWith } from '../../support/require.ts';

const AUDIENCE = 'leasehold.test';

describeWith(['kubernetes'], 'the Kubernetes control plane that tests start', () => {
  let cluster: TestKubernetes;
  let other: TestKubernetes;
  const pod = { namespace: 'shop', name: 'web' };

  beforeAll(async () => {
    [cluster, other] = await Promise.all([startKubernetes(), startKubernetes({ tokenKey: 'ec' })]);
    await cluster.createNamespace(pod.namespace);
    await cluster.createServiceAccount(pod.namespace, 'web');
  });
  afterAll(async () => {
    await Promise.all([cluster, other].map((each) => each.stop()));
  });

  const keysOf = async (from: TestKubernetes) =>
    // The API server's own answer, in the shape its specification gives it.
    createLocalJWKSet(JSON.parse(await from.fetchJwks()) as JSONWebKeySet);

  it('does not show its keys to a stranger', async () => {
    const reply = await httpsRequest({ url: `${cluster.server}/openid/v1/jwks`, ca: cluster.ca });
    expect(reply.status).toBe(403);
  });

  it('gives a pod a token that names it and verifies with its keys, not with those of another', async () => {
    const created = await cluster.createPod({ ...pod, serviceAccount: 'web', labels: { app: 'web' } });
    const token = await cluster.createBoundToken({ ...pod, audience: AUDIENCE, expirationSeconds: 600 });

    const expected = { audience: AUDIENCE, issuer: cluster.issuer };
    const { payload, protectedHeader } = await jwtVerify(token, await keysOf(cluster), expected);
    expect(protectedHeader.alg).toBe('RS256');
    expect(textAt(payload, 'kubernetes.io', 'pod', 'uid')).toBe(created.uid);
    expect(textAt(payload, 'kubernetes.io', 'node', 'name')).toBe('node-1');
    expect(textAt(payload, 'kubernetes.io', 'serviceaccount', 'name')).toBe('web');
    await expect(jwtVerify(token, await keysOf(other), expected)).rejects.toThrow();
  });

  it('signs with an elliptic curve key where that is asked for', async () => {
    await other.createNamespace('shop');
    await other.createPod(pod);
    const token = await other.createBoundToken({ ...pod, audience: AUDIENCE });
    const { protectedHeader } = await jwtVerify(token, await keysOf(other), { issuer: other.issuer });
    expect(protectedHeader.alg).toBe('ES256');
  });

  it('gives a token bound to nothing where that is asked for', async () => {
    const token = await cluster.createUnboundToken({
      namespace: pod.namespace,
      serviceAccount: 'web',
      audience: AUDIENCE,
    });
    expect(decodeJwt(token)['kubernetes.io']).not.toHaveProperty('pod');
  });

  it('shows the status that a test sets', async () => {
    const name = 'status';
    await cluster.createPod({ ...pod, name });
    await cluster.setPodStatus({ ...pod, name, phase: 'Running', imageId: 'registry.example/app@sha256:b' });
    const status = valueAt(await cluster.readPod({ ...pod, name }), 'status');
    expect(valueAt(status, 'phase')).toBe('Running');
    expect(valueAt(status, 'containerStatuses', '0', 'imageID')).toBe('registry.example/app@sha256:b');
  });

  it('keeps a pod terminating for its grace time, and removes it at once without one', async () => {
    const name = 'leaving';
    await cluster.createPod({ ...pod, name });
    await cluster.deletePod({ ...pod, name }, { gracePeriodSeconds: 60 });
    const leaving = await cluster.readPod({ ...pod, name });
    expect(valueAt(leaving, 'metadata', 'deletionTimestamp')).toBeDefined();
    await cluster.deletePod({ ...pod, name });
    await expect(cluster.readPod({ ...pod, name })).rejects.toThrow();
  });

  it('runs the controllers: a deleted namespace takes its pods with it', async () => {
    await cluster.createNamespace('gone');
    await cluster.createPod({ namespace: 'gone', name: 'web' });
    await cluster.call('DELETE', '/api/v1/namespaces/gone');
    // Terminating pods wait for a kubelet, as on a node that is down.
    await waitFor('the pod to be terminating', async () => {
      const found = await cluster.readPod({ namespace: 'gone', name: 'web' });
      return valueAt(found, 'metadata', 'deletionTimestamp') !== undefined;
    });
  });
});
