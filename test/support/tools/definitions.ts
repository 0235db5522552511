import { fileURLToPath } from 'node:url';

/** The external programs that tests start, and the one that makes packages. */
export type ToolName =
  'vault' | 'bao' | 'etcd' | 'kube-apiserver' | 'kube-controller-manager' | 'nfpm' | 'apptainer';

/** What `go build` is told. */
export interface GoBuild {
  readonly package: string;
  /** Linker flags. */
  readonly ldflags: string;
}

/** A program that is built from pinned sources, or fetched by its pinned digest, where the machine has none. */
export interface ToolDefinition {
  readonly name: ToolName;
  /** Folder with what pins it: go.mod and go.sum, or a list of digests. All that is in it decides what is made. */
  readonly folder: string;
  /** Part of what a cached build is keyed by. */
  readonly go?: GoBuild;
  /** Script of that folder that makes it in place of one `go build`, told the program to make, and the package and the linker flags if there are any. */
  readonly script?: string;
  /** The program is of an installation that a test configures, so one that is installed on the machine does not count. */
  readonly neverOnPath?: true;
  /** What a program found on PATH must print for `--version`; without it any version will do. */
  readonly acceptedVersion?: RegExp;
  /** Wall-clock size of a cold build on two cores, for the person who waits. */
  readonly coldBuildMinutes: number;
}

const folderOf = (name: string): string => fileURLToPath(new URL(`./${name}`, import.meta.url));

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
    name: 'bao',
    folder: folderOf('openbao'),
    script: 'fetch.sh',
    acceptedVersion: /^OpenBao v2\./,
    coldBuildMinutes: 1,
  },
  {
    name: 'nfpm',
    folder: folderOf('nfpm'),
    go: { package: 'github.com/goreleaser/nfpm/v2/cmd/nfpm', ldflags: SMALL },
    coldBuildMinutes: 1,
  },
  {
    name: 'etcd',
    folder: folderOf('etcd'),
    go: { package: 'go.etcd.io/etcd/server/v3', ldflags: SMALL },
    // Debian 12 ships 3.4, which the API server no longer supports.
    acceptedVersion: /etcd Version: 3\.(5|6)\./,
    coldBuildMinutes: 1,
  },
  {
    name: 'apptainer',
    folder: folderOf('apptainer'),
    go: { package: 'github.com/apptainer/apptainer/cmd/apptainer', ldflags: SMALL },
    script: 'build.sh',
    neverOnPath: true,
    coldBuildMinutes: 3,
  },
  {
    name: 'vault',
    folder: folderOf('vault'),
    go: { package: 'github.com/hashicorp/vault', ldflags: SMALL },
    coldBuildMinutes: 12,
  },
  {
    name: 'kube-apiserver',
    folder: folderOf('kubernetes'),
    go: { package: 'k8s.io/kubernetes/cmd/kube-apiserver', ldflags: KUBERNETES_LDFLAGS },
    acceptedVersion: KUBERNETES_VERSION,
    coldBuildMinutes: 5,
  },
  {
    name: 'kube-controller-manager',
    folder: folderOf('kubernetes'),
    go: { package: 'k8s.io/kubernetes/cmd/kube-controller-manager', ldflags: KUBERNETES_LDFLAGS },
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
