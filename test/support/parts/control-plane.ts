import { join } from 'node:path';
import { freePort } from '../free-port.ts';
import { toolPath } from '../tools/find-tool.ts';
import type { KubernetesFiles } from './kubernetes-files.ts';
import type { OwnedProcess } from './owned-process.ts';
import { startProcess } from './owned-process.ts';
import { waitUntilReady } from './wait-until-ready.ts';

/** Starts etcd on loopback, without waiting for the disk: nothing here outlives the test. */
export const startEtcd = async (folder: string): Promise<{ process: OwnedProcess; url: string }> => {
  const [clientPort, peerPort] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${clientPort}`;
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  const owned = await startProcess({
    name: 'etcd',
    command: toolPath('etcd'),
    args: [
      `--data-dir=${join(folder, 'etcd')}`,
      `--listen-client-urls=${url}`,
      `--advertise-client-urls=${url}`,
      `--listen-peer-urls=${peerUrl}`,
      `--initial-advertise-peer-urls=${peerUrl}`,
      `--initial-cluster=default=${peerUrl}`,
      '--unsafe-no-fsync',
      '--log-level=error',
    ],
    cwd: folder,
    logFile: join(folder, 'etcd.log'),
  });
  return { process: owned, url };
};

export interface ApiServerOptions {
  readonly folder: string;
  readonly port: number;
  readonly files: KubernetesFiles;
  readonly etcdUrl: string;
  readonly issuer: string;
  readonly extraArgs: readonly string[];
}

/** Starts the API server with role-based access and token issuing; readiness is the caller's to wait for. */
export const startApiServer = ({
  folder,
  port,
  files,
  etcdUrl,
  issuer,
  extraArgs,
}: ApiServerOptions): Promise<OwnedProcess> =>
  startProcess({
    name: 'kube-apiserver',
    command: toolPath('kube-apiserver'),
    args: [
      `--etcd-servers=${etcdUrl}`,
      '--bind-address=127.0.0.1',
      '--advertise-address=127.0.0.1',
      `--secure-port=${port}`,
      `--tls-cert-file=${files.serverCertificateFile}`,
      `--tls-private-key-file=${files.serverKeyFile}`,
      `--client-ca-file=${files.caFile}`,
      `--cert-dir=${folder}`,
      `--service-account-issuer=${issuer}`,
      `--service-account-jwks-uri=https://127.0.0.1:${port}/openid/v1/jwks`,
      `--service-account-key-file=${files.tokenPublicKeyFile}`,
      `--service-account-signing-key-file=${files.tokenKeyFile}`,
      '--service-cluster-ip-range=10.96.0.0/16',
      '--authorization-mode=Node,RBAC',
      // Its own endpoint would be 127.0.0.1, which it refuses to publish.
      '--endpoint-reconciler-type=none',
      '--allow-privileged=true',
      '--enable-priority-and-fairness=true',
      ...extraArgs,
    ],
    cwd: folder,
    logFile: join(folder, 'kube-apiserver.log'),
    // It would wait up to a minute for open watches.
    stopGraceMs: 2_000,
  });

/**
 * Starts the controllers. Node life cycle and taint eviction are left out: nodes here are objects without a kubelet,
 * and those two would mark them dead and empty them after 40 s.
 */
export const startControllerManager = async (
  folder: string,
  files: KubernetesFiles,
): Promise<OwnedProcess> => {
  const port = await freePort();
  return startProcess({
    name: 'kube-controller-manager',
    command: toolPath('kube-controller-manager'),
    args: [
      `--kubeconfig=${files.kubeconfigFile}`,
      `--authentication-kubeconfig=${files.kubeconfigFile}`,
      `--authorization-kubeconfig=${files.kubeconfigFile}`,
      `--service-account-private-key-file=${files.tokenKeyFile}`,
      `--root-ca-file=${files.caFile}`,
      `--cert-dir=${folder}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${port}`,
      '--use-service-account-credentials=true',
      '--leader-elect=false',
      // Its own default makes it wait for itself for four seconds of its start.
      '--kube-api-qps=400',
      '--kube-api-burst=800',
      '--controllers=*,-node-lifecycle-controller,-taint-eviction-controller',
    ],
    cwd: folder,
    logFile: join(folder, 'kube-controller-manager.log'),
    stopGraceMs: 2_000,
  });
};

/** Waits until etcd answers its own health check. */
export const waitForEtcd = async (etcd: { process: OwnedProcess; url: string }): Promise<void> =>
  waitUntilReady({
    process: etcd.process,
    ready: async () => (await fetch(`${etcd.url}/health`)).ok,
  });
