import { writeFile } from 'node:fs/promises';
import type { TestKubernetes } from '../../support/parts/kubernetes.ts';

const account = { namespace: 'leasehold', serviceAccount: 'broker' };

/**
 * A service account with no more than the broker needs (get, list and watch pods, and the published keys), and a
 * kubeconfig that uses its token at the given port.
 */
export async function writeBrokerKubeconfig(
  kubernetes: TestKubernetes,
  path: string,
  port: number,
): Promise<void> {
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  await kubernetes.createNamespace(account.namespace);
  await kubernetes.createServiceAccount(account.namespace, account.serviceAccount);
  await kubernetes.call('POST', `${rbac}/clusterroles`, {
    metadata: { name: 'leasehold-broker' },
    rules: [
      { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] },
      { nonResourceURLs: ['/openid/v1/jwks'], verbs: ['get'] },
    ],
  });
  await kubernetes.call('POST', `${rbac}/clusterrolebindings`, {
    metadata: { name: 'leasehold-broker' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'leasehold-broker' },
    subjects: [{ kind: 'ServiceAccount', namespace: account.namespace, name: account.serviceAccount }],
  });
  const token = await kubernetes.createUnboundToken({ ...account, audience: kubernetes.issuer });
  await writeFile(
    path,
    // JSON is YAML.
    JSON.stringify({
      'current-context': 'broker',
      contexts: [{ name: 'broker', context: { cluster: 'test', user: 'broker' } }],
      clusters: [
        {
          name: 'test',
          cluster: { server: `https://127.0.0.1:${port}`, 'certificate-authority': kubernetes.caFile },
        },
      ],
      users: [{ name: 'broker', user: { token } }],
    }),
    { mode: 0o600 },
  );
}
