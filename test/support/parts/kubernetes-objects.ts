import { textAt } from '../json.ts';
import type { KubernetesApi } from './kubernetes-api.ts';
import { waitFor } from './wait-until-ready.ts';

/** What a pod's tokens and watch need to know of it. */
export interface PodRef {
  readonly namespace: string;
  readonly name: string;
}

/** A pod that exists, bound to a node, with nothing running in it. */
export interface TestPod extends PodRef {
  readonly uid: string;
  readonly serviceAccount: string;
  readonly nodeName: string;
}

export interface CreatePodOptions extends PodRef {
  readonly serviceAccount?: string;
  /** The node must exist (`createNode`), or the garbage collector deletes the pod after about 40 s. */
  readonly nodeName?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Image of its one container, `app`. */
  readonly image?: string;
}

export interface SetPodStatusOptions extends PodRef {
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed';
  /** `imageID` of the container `app`, as a kubelet would report it. */
  readonly imageId?: string;
}

export interface BoundTokenOptions extends PodRef {
  readonly audience: string;
  /** At least 600, the API server's own lower limit. */
  readonly expirationSeconds?: number;
}

export interface UnboundTokenOptions {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly audience: string;
  readonly expirationSeconds?: number;
}

/** The few things tests do at a cluster. All of them are done when they resolve. */
export interface KubernetesObjects {
  createNamespace(name: string): Promise<void>;
  createServiceAccount(namespace: string, name: string): Promise<void>;
  createNode(name: string): Promise<void>;
  deleteNode(name: string): Promise<void>;
  createPod(options: CreatePodOptions): Promise<TestPod>;
  /** The whole object; rejects where there is none. */
  readPod(pod: PodRef): Promise<unknown>;
  setPodStatus(options: SetPodStatusOptions): Promise<void>;
  /** A token bound to that pod, for its own service account, as kubelet would request it. */
  createBoundToken(options: BoundTokenOptions): Promise<string>;
  /** A token bound to nothing, for tests of its refusal. */
  createUnboundToken(options: UnboundTokenOptions): Promise<string>;
  setPodLabels(pod: PodRef, labels: Readonly<Record<string, string>>): Promise<void>;
  /** Grace 0 removes it now. With a longer one it stays terminating: there is no kubelet to finish. */
  deletePod(pod: PodRef, options?: { readonly gracePeriodSeconds?: number }): Promise<void>;
}

const DEFAULT_NODE = 'node-1';
const DEFAULT_IMAGE = `registry.example/app@sha256:${'a'.repeat(64)}`;
const DEFAULT_TOKEN_SECONDS = 3_600;

const podPath = ({ namespace, name }: PodRef) => `/api/v1/namespaces/${namespace}/pods/${name}`;

const podBody = (options: CreatePodOptions) => ({
  metadata: { name: options.name, labels: options.labels ?? {}, annotations: options.annotations ?? {} },
  spec: {
    serviceAccountName: options.serviceAccount ?? 'default',
    nodeName: options.nodeName ?? DEFAULT_NODE,
    containers: [{ name: 'app', image: options.image ?? DEFAULT_IMAGE }],
  },
});

const containerStatuses = ({ phase, imageId }: SetPodStatusOptions) => [
  {
    name: 'app',
    image: DEFAULT_IMAGE,
    imageID: imageId,
    ready: phase === 'Running',
    restartCount: 0,
  },
];

const describePod = (pod: unknown): TestPod => ({
  name: textAt(pod, 'metadata', 'name'),
  namespace: textAt(pod, 'metadata', 'namespace'),
  uid: textAt(pod, 'metadata', 'uid'),
  serviceAccount: textAt(pod, 'spec', 'serviceAccountName'),
  nodeName: textAt(pod, 'spec', 'nodeName'),
});

/** Joins the helpers to one cluster's API. */
export const createKubernetesObjects = (api: KubernetesApi): KubernetesObjects => {
  const requestToken = async (
    options: UnboundTokenOptions,
    bound: { readonly boundObjectRef?: unknown } = {},
  ): Promise<string> => {
    const { namespace, serviceAccount, audience, expirationSeconds = DEFAULT_TOKEN_SECONDS } = options;
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`;
    const reply = await api.call('POST', path, {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences: [audience], expirationSeconds, ...bound },
    });
    return textAt(reply, 'status', 'token');
  };
  const readPod: KubernetesObjects['readPod'] = (pod) => api.call('GET', podPath(pod));

  return {
    createNamespace: async (name) => {
      await api.call('POST', '/api/v1/namespaces', { metadata: { name } });
      // Its controller makes this one a moment later, and no pod is admitted before.
      await waitFor(`the default service account of ${name}`, async () => {
        const path = `/api/v1/namespaces/${name}/serviceaccounts/default`;
        return (await api.request('GET', path)).status === 200;
      });
    },
    createServiceAccount: async (namespace, name) => {
      await api.call('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name } });
    },
    createNode: async (name) => {
      await api.call('POST', '/api/v1/nodes', { metadata: { name } });
    },
    deleteNode: async (name) => {
      await api.call('DELETE', `/api/v1/nodes/${name}`);
    },
    createPod: async (options) =>
      describePod(await api.call('POST', `/api/v1/namespaces/${options.namespace}/pods`, podBody(options))),
    readPod,
    setPodStatus: async (options) => {
      const reported = options.imageId === undefined ? {} : { containerStatuses: containerStatuses(options) };
      await api.call('PATCH', `${podPath(options)}/status`, {
        status: { phase: options.phase, ...reported },
      });
    },
    createBoundToken: async (options) => {
      const pod = describePod(await readPod(options));
      const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: pod.name, uid: pod.uid };
      return requestToken({ ...options, serviceAccount: pod.serviceAccount }, { boundObjectRef });
    },
    createUnboundToken: (options) => requestToken(options),
    deletePod: async (pod, { gracePeriodSeconds = 0 } = {}) => {
      await api.call('DELETE', `${podPath(pod)}?gracePeriodSeconds=${gracePeriodSeconds}`);
    },
    setPodLabels: async (pod, labels) => {
      await api.call('PATCH', podPath(pod), { metadata: { labels } });
    },
  };
};
