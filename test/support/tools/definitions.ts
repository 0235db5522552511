import { fileURLToPath } from 'node:url';

/** The external programs that tests start, and the one that makes packages. */
export type ToolName = 'vault' | 'etcd' | 'kube-apiserver' | 'kube-controller-manager' | 'nfpm' | 'apptainer';

/** A program that is built from pinned Go sources where the machine has none. */
export interface ToolDefinition {
  readonly name: ToolName;
  /** Folder with the go.mod and go.sum that pin it. All that is in it decides what is built. */
  readonly moduleFolder: string;
  readonly goPackage: string;
  /**
   * Script of that folder that builds it in place of one `go build`, told the program to make, the package and the linker flags. The program is of
   * an installation that a test configures, so one that is installed on the machine does not count.
   */
  readonly script?: string;
  /** Linker flags; part of what a cached build is keyed by. */
  readonly ldflags: string;
  /** What a program found on PATH must print for `--version`; without it any version will do. */
  readonly acceptedVersion?: RegExp;
  /** Wall-clock size of a cold build on two cores, for the person who waits. */
  readonly coldBuildMinutes: number;
}

const folder = (name: string): string => fileURLToPath(new URL(`./${name}`, import.meta.url));

/** No symbol table: a third less to link and to keep. */
const SMALL = '-s -w';

// Without these the API server calls itself v0.0.0-master, which clients refuse to parse.
const KUBERNETES_LDFLAGS = ['gitVersion=v1.34.2', 'gitMajor=1', 'gitMinor=34', 'gitTreeState=clean']
  .map((setting) => `-X k8s.io/component-base/version.${setting}`)
  .concat(SMALL)
  .join(' ');

/** Token binding to pods and nodes, as the tests expect it, is in every release from 1.32 on. */
const KUBERNETES_VERSION = /Kubernetes v1\.(3[2-9]|[4-9]\d)\./;

/** In the order of a sequential build: the small ones first, so that something can be tested soon. */
export const toolDefinitions: readonly ToolDefinition[] = [
  {
    name: 'nfpm',
    moduleFolder: folder('nfpm'),
    goPackage: 'github.com/goreleaser/nfpm/v2/cmd/nfpm',
    ldflags: SMALL,
    coldBuildMinutes: 1,
  },
  {
    name: 'etcd',
    moduleFolder: folder('etcd'),
    goPackage: 'go.etcd.io/etcd/server/v3',
    ldflags: SMALL,
    // Debian 12 ships 3.4, which the API server no longer supports.
    acceptedVersion: /etcd Version: 3\.(5|6)\./,
    coldBuildMinutes: 1,
  },
  {
    name: 'apptainer',
    moduleFolder: folder('apptainer'),
    goPackage: 'github.com/apptainer/apptainer/cmd/apptainer',
    script: 'build.sh',
    ldflags: SMALL,
    coldBuildMinutes: 3,
  },
  {
    name: 'vault',
    moduleFolder: folder('vault'),
    goPackage: 'github.com/hashicorp/vault',
    ldflags: SMALL,
    coldBuildMinutes: 12,
  },
  {
    name: 'kube-apiserver',
    moduleFolder: folder('kubernetes'),
    goPackage: 'k8s.io/kubernetes/cmd/kube-apiserver',
    ldflags: KUBERNETES_LDFLAGS,
    acceptedVersion: KUBERNETES_VERSION,
    coldBuildMinutes: 5,
  },
  {
    name: 'kube-controller-manager',
    moduleFolder: folder('kubernetes'),
    goPackage: 'k8s.io/kubernetes/cmd/kube-controller-manager',
    ldflags: KUBERNETES_LDFLAGS,
    acceptedVersion: KUBERNETES_VERSION,
    coldBuildMinutes: 2,
  },
];

/** The definition of one tool. */
export const toolDefinition = (name: ToolName): ToolDefinition => {
  const found = toolDefinitions.find((tool) => tool.name === name);
  if (found === undefined) throw new Error(`no tool is called ${name}`);
  return found;
};
