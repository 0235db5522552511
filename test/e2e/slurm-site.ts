import { spawnSync } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { stringify } from 'yaml';
import { buildHook } from '../../scripts/build-hook.ts';
import { createTestCa } from '../support/certificates.ts';
import type { CommandResult } from '../support/leasehold-process.ts';
import { runLeasehold, startLeasehold } from '../support/leasehold-process.ts';
import { mayMount } from '../support/may-mount.ts';
import type { OwnedProcess } from '../support/parts/owned-process.ts';
import type { AccountingOptions } from '../support/parts/slurm-accounting.ts';
import { besideJobContainers, shareMounts } from '../support/parts/slurm-job-containers.ts';
import { startSlurm, type SlurmCluster } from '../support/parts/slurm.ts';
import { startVaultWithPostgres, type VaultWithPostgres } from '../support/parts/vault-with-postgres.ts';
import { waitUntilReady } from '../support/parts/wait-until-ready.ts';
import { createTempFolder } from '../support/temp-folder.ts';
import { createMemoryFolder } from '../unit/sidecar/memory-folder.ts';
import { startSharedLedger } from './shared-ledger.ts';
import { auditWaitMs, setUpVault } from './site-files.ts';
import { brokerAddresses, createSiteBroker, type SiteBroker } from './slurm-site-broker.ts';
import { policyText, siteHooks } from './slurm-site-texts.ts';

const audience = 'leasehold';
const probationSeconds = 60;
export const nodes = ['n1', 'n2', 'n3', 'n4'] as const;
export type Node = (typeof nodes)[number];

/** Everything real: a Slurm of four nodes, an agent for each, a Vault with its database, and one or two brokers between them. */
export interface SlurmSite extends AsyncDisposable {
  readonly slurm: SlurmCluster;
  readonly parts: VaultWithPostgres;
  /** Runs a job script; `$OUT` is a folder that it may write to. */
  submit: SlurmCluster['submit'];
  /** What a job wrote there; empty when it is not there. */
  read(name: string): Promise<string>;
  /** Whether a job or a hook has made that file. */
  isTold(name: string): Promise<boolean>;
  /** Makes a file that a job waits for. */
  tell(name: string, text?: string): Promise<void>;
  /** Where the hooks are. */
  readonly bin: string;
  readonly signerSocket: string;
  /** Where the prolog of that node asks. */
  socketOf(node: Node): string;
  /** Folder of the runs on that node. */
  runsOn(node: Node): string;
  /** The same where its agent writes it. */
  writtenOn(node: Node): string;
  /** What the task prolog of that node reads of a job; empty when it is not there. */
  marker(node: Node, jobId: number): Promise<string>;
  /** The audit log of every broker. */
  audit(): Promise<string>;
  /** How often the signer has told the broker that serves now which runs there are. */
  reports(): Promise<number>;
  /** When the broker takes the run of that job to end, by its time limit; milliseconds since the Unix epoch. It is stopped to be asked: nobody else can open its ledger. */
  endOfRun(jobId: number): Promise<number>;
  /** Names of all files of runs, markers and records that any agent still has. */
  left(): Promise<readonly string[]>;
  killAgent(node: Node): Promise<void>;
  /** Where it does not run. */
  startAgent(node: Node): Promise<void>;
  /** What each agent has logged. */
  agentLog(node: Node): Promise<string>;
  signalAgent(node: Node, signal: NodeJS.Signals): void;
  readonly brokers: readonly SiteBroker[];
  /** Of the first broker. */
  stopBroker(): Promise<void>;
  killBroker(): Promise<void>;
  /** Where it does not run. */
  startBroker(): Promise<void>;
  command(...args: readonly string[]): Promise<CommandResult>;
  /** An interactive job; `$OUT` as above. */
  interactive: SlurmCluster['interactive'];
  /** What the broker, the agents and the scheduler wrote last, for the message of a failure. */
  outputs(): string;
}

export async function startSlurmSite(
  options: {
    /** `prolog` of each agent's configuration. */
    readonly prolog?: Readonly<Record<string, unknown>>;
    /** More lines of slurm.conf. */
    readonly conf?: readonly string[];
    /** Each job is in a mount namespace of its own. For who may mount. */
    readonly hasJobContainers?: boolean;
    /** Folder below which each node's memory is mounted; on the machine's memory filesystem when left out. For who may mount. */
    readonly memoryBelow?: string;
    /** Of the signer's configuration. */
    readonly reconcile?: string;
    /** A job of that name waits in PrologSlurmctld, see `siteHooks`. */
    readonly hasPauses?: boolean;
    /** Of the cluster in the broker's configuration. */
    readonly absentAfterSeconds?: number;
    /** On one PostgreSQL; else there is one broker with a ledger of its own. */
    readonly hasTwoBrokers?: boolean;
    /** In place of `policyText`. */
    readonly policy?: string;
    readonly accounting?: AccountingOptions;
  } = {},
): Promise<SlurmSite> {
  await using building = new AsyncDisposableStack();
  const { policy = policyText } = options;
  const { path: folder } = building.use(await createTempFolder({ name: 'slurm-site' }));
  const memoryBelow = options.hasJobContainers === true ? besideJobContainers : options.memoryBelow;
  const memory = building.use(await createMemoryFolder(memoryBelow));
  await chmod(memory.path, 0o711);
  if (options.hasJobContainers === true) building.use(shareMounts(memory.path));
  const rootOf = (node: Node) => join(memory.path, node, 'run');
  building.defer(() => {
    for (const node of nodes) {
      for (const mount of ['runs', 'own/runs', ''])
        spawnSync('umount', ['--lazy', join(rootOf(node), mount)], { stdio: 'ignore' });
    }
  });
  const bin = join(memory.path, 'bin');
  const signerSocket = join(memory.path, 'signer.sock');
  // Each slurmd has the folder of its node for its own, and so have its hooks.
  const hook = buildHook({ folder: bin, sockets: { agent: 'agent.sock', signer: signerSocket } });
  if (!hook.built) throw new Error(hook.why);
  await chmod(bin, 0o755);
  const taskProlog = join(bin, 'task-prolog');
  const shipped = await readFile(join(bin, 'leasehold-task-prolog'), 'utf8');
  const ofNode = `${memory.path}/$SLURMD_NODENAME/run/jobs`;
  await writeFile(taskProlog, shipped.replace('/run/leasehold/jobs', ofNode), { mode: 0o755 });
  const write = async (name: string, text: string) => {
    const file = join(folder, name);
    await writeFile(file, text, { mode: 0o600 });
    return file;
  };

  const parts = building.use(await startVaultWithPostgres({ defaultTtl: `${probationSeconds}s` }));
  const authority = createTestCa();
  const server = authority.issueServer();
  const ca = await write('ca.pem', authority.certificate);
  const tls = {
    certificate: await write('server.pem', server.certificate),
    key: await write('server-key.pem', server.key),
  };
  const own = await brokerAddresses();
  const second = options.hasTwoBrokers === true ? await brokerAddresses() : undefined;
  const nodesAt = [own.nodes, ...(second === undefined ? [] : [second.nodes])];
  const signerPair = authority.issueClient({
    commonName: 'signer',
    uri: 'spiffe://example.org/slurm/hpc/signer',
  });
  const signing = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
  const signerState = join(folder, 'signer-state');
  await mkdir(signerState, { mode: 0o700 });
  // The scheduler's configuration is not there yet, and publishing a key needs none.
  const writeSigner = async (conf?: string) =>
    write(
      'signer.yaml',
      stringify({
        cluster: 'hpc',
        audience,
        broker: {
          addresses: nodesAt,
          ca,
          certificate: await write('signer.pem', signerPair.certificate),
          key: await write('signer-key.pem', signerPair.key),
        },
        keys: [await write('signing-key.pem', signing)],
        state: signerState,
        socket: { path: signerSocket },
        reconcile: options.reconcile ?? '2s',
        ...(conf === undefined ? {} : { slurm: { conf } }),
      }),
    );
  const published = await runLeasehold(['signer', '--config', await writeSigner(), '--keys']);
  if (published.status !== 0) throw new Error(published.stderr);
  const ledgerFile = join(folder, 'ledger.sqlite');
  const shared = second === undefined ? undefined : await startSharedLedger();
  if (shared !== undefined) building.defer(() => shared.database.stop());
  const common = {
    folder,
    tls,
    clientCa: ca,
    audit: {
      hmacKeyFile: await write('audit.key', randomBytes(32).toString('hex')),
      maxWaitMs: auditWaitMs,
    },
    config: {
      trustDomain: 'example.org',
      clusters: [],
      slurm: [
        {
          name: 'hpc',
          audience,
          keys: { file: await write('signer.jwks', published.stdout) },
          endGraceSeconds: 20,
          ...(options.absentAfterSeconds === undefined
            ? {}
            : { absentAfterSeconds: options.absentAfterSeconds }),
        },
      ],
      policy: { file: await write('policy.yaml', policy) },
      backend: {
        vault: {
          address: parts.vault.address,
          auth: {
            tokenFile: await write('vault-token', await setUpVault(parts.vault, policy, probationSeconds)),
          },
        },
      },
      ledger:
        shared === undefined
          ? { sqlite: { file: ledgerFile } }
          : {
              postgres: {
                ...shared.tuning.ledger.postgres,
                passwordFile: await write('ledger-password', shared.tuning.ledger.password),
              },
            },
    },
  };
  const onCall = authority.issueClient({ commonName: 'on-call' });
  const connection = [
    ...['--broker', own.admin, '--ca', ca],
    ...['--cert', await write('on-call.pem', onCall.certificate)],
    ...['--key', await write('on-call-key.pem', onCall.key)],
  ];

  const broker = building.use(await createSiteBroker({ ...common, name: 'broker', addresses: own }));
  await broker.start();
  const brokers = [broker];
  if (second !== undefined) {
    const other = await createSiteBroker({ ...common, name: 'second-broker', addresses: second });
    brokers.push(building.use(other));
    await other.start();
  }

  const agents = new Map<Node, OwnedProcess>();
  const socketOf = (node: Node) => join(memory.path, node, 'agent.sock');
  const agentLog = (node: Node) => readFile(join(folder, `agent-${node}.log`), 'utf8').catch(() => '');
  const startAgent = async (node: Node) => {
    if (agents.get(node)?.exited === false) return;
    const written = (await agentLog(node)).length;
    const agent = await startLeasehold({
      name: `agent-${node}`,
      folder,
      args: ['node-agent', '--config', join(folder, `${node}.yaml`)],
    });
    agents.set(node, agent);
    // The file has the lines of the process before, too.
    await waitUntilReady({
      process: agent,
      ready: async () => (await agentLog(node)).slice(written).includes('"ready"'),
    });
  };
  building.defer(async () => {
    await Promise.all([...agents.values()].map((agent) => agent.stop()));
  });
  for (const node of nodes) {
    await mkdir(join(memory.path, node), { mode: 0o711 });
    const uri = `spiffe://example.org/slurm/hpc/node/${node}`;
    const pair = authority.issueClient({ commonName: node, uri });
    const config = {
      broker: { address: nodesAt, ca },
      certificate: await write(`${node}.pem`, pair.certificate),
      key: await write(`${node}-key.pem`, pair.key),
      socket: socketOf(node),
      files: { root: rootOf(node), mount: mayMount ? 'auto' : 'never', sizeMiB: 4 },
      notifier: join(memory.path, 'bin', 'leasehold-notify'),
      ...(options.prolog === undefined ? {} : { prolog: options.prolog }),
    };
    await write(`${node}.yaml`, stringify(config));
    await startAgent(node);
  }

  const { conf, hooks } = siteHooks({
    hook: join(bin, 'leasehold-hook'),
    taskProlog,
    hasPauses: options.hasPauses === true,
  });
  const slurm = building.use(
    await startSlurm({
      nodes: nodes.length,
      folderOf: (node) => join(memory.path, node),
      hooks,
      // A job that is deaf to its end lives long enough to be looked at, and how one has ended stays known.
      conf: ['BatchStartTimeout=1', 'KillWait=30', ...conf, ...(options.conf ?? [])],
      hasJobContainers: options.hasJobContainers === true,
      ...(options.accounting === undefined ? {} : { accounting: options.accounting }),
    }),
  );
  const out = join(slurm.folder, 'out');
  const inScript = `OUT=${out}\nexport OUT\n`;
  const signer = building.use(
    await startLeasehold({
      name: 'signer',
      folder,
      args: ['signer', '--config', await writeSigner(slurm.env['SLURM_CONF'] ?? '')],
    }),
  );
  await waitUntilReady({
    process: signer,
    ready: async () => signer.lastOutput().includes('signer is serving'),
  });

  const owned = building.move();
  return {
    slurm,
    parts,
    submit: (script, options) => slurm.submit(`${inScript}${script}`, options),
    interactive: (program, script, options) => slurm.interactive(program, `${inScript}${script}`, options),
    read: (name) => readFile(join(out, name), 'utf8').catch(() => ''),
    isTold: async (name) => existsSync(join(out, name)),
    tell: async (name, text = '') => {
      const file = join(out, name);
      await writeFile(`${file}.new`, text, { mode: 0o644 });
      await rename(`${file}.new`, file);
    },
    bin,
    signerSocket,
    socketOf,
    runsOn: (node) => join(rootOf(node), 'runs'),
    writtenOn: (node) => join(rootOf(node), 'own/runs'),
    marker: (node, jobId) => readFile(join(rootOf(node), 'jobs', String(jobId)), 'utf8').catch(() => ''),
    audit: async () => {
      const logs = await Promise.all(brokers.map((one) => one.audit()));
      return logs.join('');
    },
    reports: async () => {
      const text = await broker.metrics();
      const counted =
        /^leasehold_rpc_calls_total\{(?=[^}]*method="ReportRuns")(?=[^}]*code="ok")[^}]*\} (\d+)/m;
      return Number(counted.exec(text)?.[1] ?? 0);
    },
    endOfRun: async (jobId) => {
      await broker.stop();
      const ledger = new DatabaseSync(ledgerFile, { readOnly: true });
      try {
        const runs = ledger.prepare('SELECT ends_at FROM run WHERE workload GLOB ?');
        const run = runs.get(`run/hpc/${jobId}/*`);
        if (run === undefined) throw new Error(`the ledger has no run of job ${jobId}`);
        return Number(run['ends_at']);
      } finally {
        ledger.close();
        await broker.start();
      }
    },
    left: async () => {
      const names = nodes.flatMap((node) =>
        ['runs', 'jobs', 'state'].map(async (kind) =>
          (await readdir(join(rootOf(node), kind))).map((name) => `${node}/${kind}/${name}`),
        ),
      );
      return (await Promise.all(names)).flat();
    },
    killAgent: async (node) => {
      agents.get(node)?.signal('SIGKILL');
      await agents.get(node)?.stop();
    },
    startAgent,
    agentLog,
    signalAgent: (node, signal) => agents.get(node)?.signal(signal),
    brokers,
    stopBroker: () => broker.stop(),
    killBroker: () => broker.kill(),
    startBroker: () => broker.start(),
    command: (...args) => runLeasehold([...args, ...connection]),
    outputs: () =>
      [
        ...brokers.map((one) => one.lastOutput()),
        ...[signer, ...agents.values()].map((part) => `${part.name}: ${part.lastOutput()}`),
      ].join('\n'),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
