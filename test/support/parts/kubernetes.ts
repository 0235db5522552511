import type { KeyAndCertificate } from '../certificates.ts';
import { freePort } from '../free-port.ts';
import { createTempFolder } from '../temp-folder.ts';
import { startApiServer, startControllerManager, startEtcd, waitForEtcd } from './control-plane.ts';
import type { KubernetesApi } from './kubernetes-api.ts';
import { createKubernetesApi } from './kubernetes-api.ts';
import type { TokenKeyKind } from './kubernetes-files.ts';
import { writeKubernetesFiles } from './kubernetes-files.ts';
import type { KubernetesObjects } from './kubernetes-objects.ts';
import { createKubernetesObjects } from './kubernetes-objects.ts';
import type { OwnedProcess } from './owned-process.ts';
import { waitUntilReady } from './wait-until-ready.ts';

export interface StartKubernetesOptions {
  /** `iss` of its tokens. Two clusters of one test need two. Default: a URL with the server's own port. */
  readonly issuer?: string;
  readonly tokenKey?: TokenKeyKind;
  /** Further flags of the API server. */
  readonly apiServerArgs?: readonly string[];
}

/** A control plane of one test: etcd, API server, controllers, and one node object called `node-1`. */
export interface TestKubernetes extends AsyncDisposable, KubernetesObjects, KubernetesApi {
  /** `https://127.0.0.1:PORT` */
  readonly server: string;
  readonly issuer: string;
  /** PEM of the authority that signed the server's certificate. */
  readonly ca: string;
  /** File with the same. */
  readonly caFile: string;
  /** Administrator's kubeconfig. */
  readonly kubeconfigFile: string;
  readonly admin: KeyAndCertificate;
  /** PEM file of the key that signs its tokens, for those that the API server itself would never make. */
  readonly tokenKeyFile: string;
  /** SIGSTOP and SIGCONT on it imitate an API server that hangs. */
  readonly apiServer: OwnedProcess;
  /** The published keys (`/openid/v1/jwks`), JSON text. */
  fetchJwks(): Promise<string>;
  stop(): Promise<void>;
}

const API_DEADLINE_MS = 90_000;

/** Starts a whole control plane in about five seconds; as many side by side as a test needs. */
export const startKubernetes = async (options: StartKubernetesOptions = {}): Promise<TestKubernetes> => {
  const folder = await createTempFolder({ name: 'kubernetes' });
  const running: OwnedProcess[] = [];
  const stop = async () => {
    // The last one started goes first: none of them then logs that its server is gone.
    for (const owned of running.splice(0).reverse()) await owned.stop();
    await folder.remove();
  };
  try {
    const port = await freePort();
    const server = `https://127.0.0.1:${port}`;
    const issuer = options.issuer ?? `https://kubernetes-${port}.example`;
    const etcd = await startEtcd(folder.path);
    running.push(etcd.process);
    const files = await writeKubernetesFiles({
      folder: folder.path,
      server,
      tokenKey: options.tokenKey ?? 'rsa',
    });
    await waitForEtcd(etcd);
    const apiServer = await startApiServer({
      folder: folder.path,
      port,
      files,
      etcdUrl: etcd.url,
      issuer,
      extraArgs: options.apiServerArgs ?? [],
    });
    running.push(apiServer);

    const api = createKubernetesApi({ server, ca: files.ca.certificate, client: files.admin });
    await waitUntilReady({
      process: apiServer,
      deadlineMs: API_DEADLINE_MS,
      // Written by the server's own start-up, after the built-in roles.
      ready: async () => (await api.request('GET', '/api/v1/namespaces/kube-system')).status === 200,
    });
    running.push(await startControllerManager(folder.path, files));
    const objects = createKubernetesObjects(api);
    await objects.createNode('node-1');
    return {
      ...api,
      ...objects,
      server,
      issuer,
      ca: files.ca.certificate,
      caFile: files.caFile,
      kubeconfigFile: files.kubeconfigFile,
      admin: files.admin,
      tokenKeyFile: files.tokenKeyFile,
      apiServer,
      fetchJwks: async () => JSON.stringify(await api.call('GET', '/openid/v1/jwks')),
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
};
