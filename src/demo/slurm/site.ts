import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import type { Authority } from '../authority/certificates.ts';
import { demoAdmin, type DemoFiles } from '../demo-files.ts';
import { demoFailure, waitUntil } from '../observe.ts';
import { freePort } from '../parts/free-port.ts';
import type { Programs } from '../programs.ts';
import type { RealBackend } from '../real-backend.ts';
import { clusterName, type DemoCluster, startCluster } from './cluster.ts';
import { hookSources, installedHook } from './what-is-missing.ts';

export const demoNodes = ['n1', 'n2'] as const;

/** A broker, a signer, an agent for each node, and a Slurm whose hooks ask them. */
export interface DemoSite {
  readonly cluster: DemoCluster;
  /** host:port of the broker's listener for nodes and signers. */
  readonly nodes: string;
  readonly admin: string;
  /** Folder of the runs on a node. */
  runsOn(node: string): string;
}

/** Everything that is started belongs to `stack` or `programs`. */
export async function startDemoSite(options: {
  readonly files: DemoFiles;
  /** Whose root is in the files. */
  readonly authority: Authority;
  readonly backend: RealBackend;
  readonly policy: string;
  readonly programs: Programs;
  readonly stack: AsyncDisposableStack;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}): Promise<DemoSite> {
  const { files, programs, timeoutMs, signal } = options;
  const at = (name: string) => join(files.folder, name);
  const write = (name: string, text: string) => {
    writeFileSync(at(name), text, { mode: 0o600 });
    return at(name);
  };
  // Users of jobs pass through to their files, and list nothing.
  chmodSync(files.folder, 0o711);
  const hook = placeHook(at('bin'));
  const pairOf = (name: string, of: string) => {
    const uri = `spiffe://demo.example/slurm/${clusterName}/${of}`;
    const { certificate, key } = options.authority.issueClient({ commonName: name, uri });
    return { certificate: write(`${name}.pem`, certificate), key: write(`${name}-key.pem`, key) };
  };
  const [workloads, nodes, admin, http] = await Promise.all([address(), address(), address(), address()]);

  const signer = {
    cluster: clusterName,
    audience: 'leasehold',
    broker: { addresses: [nodes], ca: files.ca, serverName: 'localhost', ...pairOf('signer', 'signer') },
    keys: [write('signing.pem', newSigningKey())],
    state: at('signer-state'),
    socket: { path: at('signer.sock') },
    reconcile: '2s',
  };
  mkdirSync(signer.state, { mode: 0o700 });
  const published = await programs.run(
    ['signer', '--config', write('signer-keys.yaml', stringify(signer)), '--keys'],
    timeoutMs,
  );
  if (published.status !== 0) throw demoFailure(`leasehold signer --keys: ${published.stderr.trim()}`);

  const tls = { certificate: files.serverCertificate, key: files.serverKey };
  const broker = {
    trustDomain: 'demo.example',
    workloads: { listen: workloads, tls },
    nodes: { listen: nodes, tls: { ...tls, clientCa: files.ca } },
    admin: {
      listen: admin,
      tls: { ...tls, clientCa: files.ca },
      clients: [{ name: demoAdmin, commonName: demoAdmin, rights: ['view', 'revoke'] }],
    },
    http: { listen: http },
    clusters: [],
    slurm: [
      { name: clusterName, audience: 'leasehold', keys: { file: write('signer.jwks', published.stdout) } },
    ],
    policy: { file: write('policy.yaml', options.policy) },
    backend: {
      vault: {
        address: options.backend.address,
        auth: { tokenFile: write('vault-token', options.backend.token) },
      },
    },
    ledger: { sqlite: { file: files.ledger } },
    audit: { file: files.audit, hmacKeyFile: write('audit-hmac.key', randomBytes(32).toString('hex')) },
  };
  programs.start(['broker', '--config', write('broker.yaml', stringify(broker))]);
  await waitUntil({
    otherwise: 'the broker does not get ready',
    condition: () =>
      fetch(`http://${http}/readyz`, { signal: AbortSignal.timeout(2_000) }).then(
        ({ ok }) => ok,
        () => false,
      ),
    timeoutMs,
    signal,
  });

  for (const node of demoNodes) {
    mkdirSync(at(node), { mode: 0o711 });
    const agent = {
      broker: { address: nodes, ca: files.ca, serverName: 'localhost' },
      ...pairOf(node, `node/${node}`),
      socket: at(`${node}/agent.sock`),
      files: { root: at(`${node}/run`), mount: 'never' },
    };
    programs.start(['node-agent', '--config', write(`${node}.yaml`, stringify(agent))]);
  }
  await waitUntil({
    otherwise: 'an agent does not serve',
    condition: () => demoNodes.every((node) => existsSync(at(`${node}/agent.sock`))),
    timeoutMs,
    signal,
  });

  const ofNode = at('$SLURMD_NODENAME');
  const cluster = options.stack.use(
    await startCluster({
      folder: at('slurm'),
      nodes: demoNodes,
      hooks: {
        PrologSlurmctld: `exec ${hook} register --socket ${signer.socket.path}`,
        EpilogSlurmctld: `exec ${hook} end --socket ${signer.socket.path}`,
        Prolog: `exec ${hook} prolog --socket ${ofNode}/agent.sock`,
        Epilog: `exec ${hook} epilog --socket ${ofNode}/agent.sock`,
        TaskProlog: `exec ${dirname(hook)}/leasehold-task-prolog ${ofNode}/run/jobs`,
      },
      timeoutMs,
      signal,
    }),
  );
  const withSlurm = { ...signer, slurm: { conf: cluster.conf } };
  programs.start(['signer', '--config', write('signer.yaml', stringify(withSlurm))]);
  await waitUntil({
    otherwise: 'the signer does not serve',
    condition: () => existsSync(signer.socket.path),
    timeoutMs,
    signal,
  });
  return { cluster, nodes, admin, runsOn: (node) => at(`${node}/run/runs`) };
}

const address = async (): Promise<string> => `127.0.0.1:${await freePort()}`;

function newSigningKey(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
}

/** The hook with the task prolog beside it: that of a checkout, compiled, or else the installed one. Its path. */
function placeHook(folder: string): string {
  mkdirSync(folder);
  chmodSync(folder, 0o755);
  const hook = join(folder, 'leasehold-hook');
  const source = join(hookSources, 'leasehold-hook.c');
  const taskProlog = join(folder, 'leasehold-task-prolog');
  if (existsSync(source)) {
    execFileSync('cc', ['-std=c17', '-O2', '-static', '-o', hook, source], { stdio: 'ignore' });
    copyFileSync(join(hookSources, 'leasehold-task-prolog'), taskProlog);
  } else {
    copyFileSync(installedHook, hook);
    copyFileSync(join(dirname(installedHook), 'leasehold-task-prolog'), taskProlog);
  }
  for (const file of [hook, taskProlog]) chmodSync(file, 0o755);
  return hook;
}
