import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { layOutCluster, slurmPath } from '../../../src/demo/slurm/cluster-parts.ts';
import { createTempFolder } from '../temp-folder.ts';
import type { OwnedProcess } from './owned-process.ts';
import { type AccountingOptions, layOutAccounting } from './slurm-accounting.ts';
import {
  besideJobContainers,
  jobContainerLines,
  withOwnShm,
  writeJobContainers,
} from './slurm-job-containers.ts';
import { killJobsOfNode } from './slurm-node-processes.ts';

const programs = {
  slurmctld: '/usr/sbin/slurmctld',
  slurmd: '/usr/sbin/slurmd',
  munged: '/usr/sbin/munged',
  squeue: '/usr/bin/squeue',
  scontrol: '/usr/bin/scontrol',
  sbatch: '/usr/bin/sbatch',
  scancel: '/usr/bin/scancel',
  srun: '/usr/bin/srun',
  salloc: '/usr/bin/salloc',
} as const;

/** Of one command, and of what a test waits for: a busy machine takes seconds for a fork. */
const commandLimitMs = 120_000;
const defaultWaitSeconds = 180;
/** So long a job is shown after its end: a test that comes late must not take it for one that never was. */
const shownAfterEnd = 'MinJobAge=900';

/** Why no cluster can be started on this machine; empty where one can. */
export const missingSlurm = (): readonly string[] => [
  ...Object.values(programs)
    .filter((path) => !existsSync(path))
    .map((path) => `there is no ${path}`),
  ...(process.getuid?.() === 0 ? [] : ['slurmd needs root']),
];

const backupHost = 'backup';

/** Accounts that every Debian has, so that no test adds any. */
export type JobUser = 'games' | 'news';

export interface HookLines {
  readonly PrologSlurmctld?: string;
  readonly EpilogSlurmctld?: string;
  readonly Prolog?: string;
  readonly Epilog?: string;
  readonly TaskProlog?: string;
}

export interface SlurmOptions {
  readonly nodes?: number;
  /** With a second controller, on a host of another name, that takes over. */
  readonly hasBackup?: boolean;
  /** Body of each hook, run by sh; the folder of the cluster is in $T. */
  readonly hooks?: (folder: string) => HookLines;
  /** Working folder of a node's slurmd, and so of its hooks. */
  readonly folderOf?: (node: string) => string;
  /** More lines of slurm.conf. */
  readonly conf?: readonly string[];
  readonly slurmUser?: 'root' | 'slurm';
  /** Each job has a `/tmp` and a `/dev/shm` of its own, by job_container/tmpfs. For who may mount. */
  readonly hasJobContainers?: boolean;
  /** With a slurmdbd: a job's account and QOS are then among those that are registered there, as far as that is enforced. */
  readonly accounting?: AccountingOptions;
}

/** A whole cluster on loopback, in a folder of its own: munged, slurmctld, and one slurmd for each node, n1 and so on. */
export interface SlurmCluster extends AsyncDisposable {
  /** ClusterName. */
  readonly name: string;
  readonly folder: string;
  /** What a program needs to speak to it. */
  readonly env: Readonly<Record<string, string>>;
  /** Job id. */
  submit(
    script: string,
    options?: { readonly user?: JobUser; readonly args?: readonly string[] },
  ): Promise<number>;
  /** An interactive run of a shell script, to its end; its stdout. Rejects when it fails. */
  interactive(
    program: 'srun' | 'salloc',
    script: string,
    options?: { readonly user?: JobUser; readonly args?: readonly string[] },
  ): Promise<string>;
  /** Compact state as squeue has it (of an array or het job, each that one of its parts has), or undefined once the job is forgotten or gone; `?` where the controller does not say. */
  state(jobId: number): Promise<string | undefined>;
  waitFor(what: string, isSo: () => Promise<boolean>, seconds?: number): Promise<void>;
  /** A Slurm command as root; its stdout. */
  command(program: 'squeue' | 'scontrol' | 'scancel', ...args: readonly string[]): Promise<string>;
  /** A file that hooks or jobs wrote in the folder; empty when it is not there. */
  read(name: string): Promise<string>;
  /** Kills slurmctld without a word, or ends it in order, and starts it again after `meanwhile`. */
  restartController(options?: {
    readonly signal?: 'SIGKILL' | 'SIGTERM';
    readonly meanwhile?: () => Promise<void>;
  }): Promise<void>;
  /** Kills slurmctld without a word, once it has written down its jobs of now; the backup takes over. */
  failOver(): Promise<void>;
  /** Kills a node's slurmd and every process of its jobs without a word, as when the machine is lost. */
  killNode(node: string): Promise<void>;
  startNode(node: string): Promise<void>;
  /** Ends a node's slurmd in order; its jobs and their steps go on. */
  stopSlurmd(node: string): Promise<void>;
  /** States of all nodes, as sinfo's short words. */
  nodeStates(): Promise<readonly string[]>;
  /** Until every node is free, and in service. */
  isIdle(): Promise<void>;
}

const run = (
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string> =>
  new Promise((resolve, reject) => {
    execFile(
      program,
      [...args],
      { env: { PATH: slurmPath, ...env }, timeout: commandLimitMs },
      (error, stdout, stderr) =>
        error === null
          ? resolve(stdout)
          : reject(new Error(`${program} ${args.join(' ')}: ${stderr}`, { cause: error })),
    );
  });

export async function startSlurm(options: SlurmOptions = {}): Promise<SlurmCluster> {
  await using building = new AsyncDisposableStack();
  const { hasJobContainers = false } = options;
  const place = hasJobContainers ? { parent: besideJobContainers } : {};
  const { path: folder } = building.use(await createTempFolder({ name: 'slurm', ...place }));
  const at = (name: string) => join(folder, name);
  const name = 'hpc';
  const nodes = Array.from({ length: options.nodes ?? 4 }, (_, index) => `n${index + 1}`);
  const { slurmUser } = options;
  const accounting =
    options.accounting === undefined ? undefined : await layOutAccounting(folder, options.accounting);
  const { conf, start, startMunge } = await layOutCluster({
    folder,
    name,
    nodes,
    hooks: Object.fromEntries(
      Object.entries(options.hooks?.(folder) ?? {}).map(([hook, body]) => [hook, `T=${folder}\n${body}`]),
    ),
    ...(options.hasBackup === true ? { controllers: [hostname(), backupHost] } : {}),
    ...(slurmUser === undefined
      ? {}
      : { slurmUser: { name: slurmUser, id: Number(await run('/usr/bin/id', ['-u', slurmUser], {})) } }),
    lines: [
      shownAfterEnd,
      ...(options.conf ?? []),
      ...(hasJobContainers ? jobContainerLines : []),
      ...(accounting?.lines ?? []),
    ],
  });
  if (hasJobContainers) await writeJobContainers(folder);
  building.use(await startMunge());
  const env = { SLURM_CONF: conf };
  const command = (program: 'squeue' | 'scontrol' | 'scancel', ...args: readonly string[]) =>
    run(programs[program], args, env);
  const waitFor = async (
    what: string,
    isSo: () => Promise<boolean>,
    seconds = defaultWaitSeconds,
  ): Promise<void> => {
    const until = Date.now() + seconds * 1000;
    while (!(await isSo())) {
      if (Date.now() > until) throw new Error(`not within ${seconds} s: ${what}`);
      await delay(100);
    }
  };
  const nodeStates = async () =>
    (await command('scontrol', '--oneliner', 'show', 'nodes'))
      .split('\n')
      .flatMap((line) => /State=(\S+)/.exec(line)?.[1] ?? []);

  await waitFor('munged has its socket', async () => existsSync(at('munge/socket')));
  if (accounting !== undefined) building.use(await accounting.start({ name, conf, start }));
  let running = await start('slurmctld', programs.slurmctld, '-D', '-i');
  building.defer(() => running.stop());
  if (options.hasBackup === true) {
    await writeFile(at('hosts'), `127.0.0.1 localhost ${hostname()}\n127.0.0.2 ${backupHost}\n`);
    const ofBackup = (await readFile(conf, 'utf8')).replaceAll(/slurmctld\.(pid|log)/g, `${backupHost}.$1`);
    await writeFile(at('backup.conf'), ofBackup);
    const underOtherName = `mount --bind ${at('hosts')} /etc/hosts && hostname ${backupHost} && exec ${programs.slurmctld} -D -f ${at('backup.conf')}`;
    const namespaces = ['--uts', '--mount', '/bin/sh', '-c', underOtherName];
    building.use(await start(backupHost, '/usr/bin/unshare', ...namespaces));
  }
  const untilController = (line: RegExp) =>
    waitFor(`slurmctld is ${line.source}`, () =>
      command('scontrol', 'ping').then(
        (text) => line.test(text),
        () => false,
      ),
    );
  const daemons = new Map<string, OwnedProcess>();
  const startNode = async (node: string) => {
    const own = options.folderOf === undefined ? [] : [`--chdir=${options.folderOf(node)}`];
    const line = ['/usr/bin/env', ...own, programs.slurmd, '-D', '-N', node] as const;
    daemons.set(node, await start(node, ...(hasJobContainers ? withOwnShm(...line) : line)));
  };
  building.defer(async () => {
    await Promise.all([...daemons.values()].map((daemon) => daemon.stop()));
  });
  for (const node of nodes) await startNode(node);
  const isIdle = () =>
    waitFor('all nodes are idle', async () => {
      const states = await nodeStates().catch(() => []);
      return states.length === nodes.length && states.every((state) => state === 'IDLE');
    });
  await isIdle();

  let scripts = 0;
  const owned = building.move();
  return {
    name,
    folder,
    env,
    command,
    waitFor,
    nodeStates,
    isIdle,
    submit: async (script, { user = 'games', args = [] } = {}) => {
      const file = at(`out/job-${(scripts += 1)}.sh`);
      await writeFile(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      const all = ['--parsable', '--chdir=/', `--output=${at('out')}/%j.out`, ...args, file];
      const output = await run('/usr/sbin/runuser', ['-u', user, '--', programs.sbatch, ...all], env);
      return Number(output.trim().split(';')[0]);
    },
    interactive: (program, script, { user = 'games', args = [] } = {}) => {
      const all = [programs[program], '--chdir=/', ...args, '/bin/sh', '-c', script];
      return run('/usr/sbin/runuser', ['-u', user, '--', ...all], env);
    },
    state: async (jobId) => {
      const ask = () =>
        command('squeue', '-h', '-t', 'all', '-j', String(jobId), '-o', '%t').catch((error: unknown) =>
          String(error).includes('Invalid job id') ? '' : undefined,
        );
      // A controller that is busy may be silent once.
      const text = (await ask()) ?? (await ask()) ?? '?';
      const states = new Set(text.split('\n').flatMap((line) => line.trim() || []));
      return states.size === 0 ? undefined : [...states].join(' ');
    },
    read: (file) => readFile(at(file), 'utf8').catch(() => ''),
    killNode: async (node) => {
      daemons.get(node)?.signal('SIGKILL');
      await daemons.get(node)?.stop();
      await killJobsOfNode(node, conf);
    },
    startNode,
    stopSlurmd: async (node) => daemons.get(node)?.stop(),
    restartController: async ({ signal = 'SIGKILL', meanwhile } = {}) => {
      running.signal(signal);
      await running.stop();
      await meanwhile?.();
      running = await start('slurmctld', programs.slurmctld, '-D');
      await untilController(/is UP/);
    },
    failOver: async () => {
      const now = Date.now();
      await waitFor(
        'the jobs are written down',
        async () => (await stat(at('state/job_state'))).mtimeMs > now,
      );
      running.signal('SIGKILL');
      await running.stop();
      await command('scontrol', 'takeover');
      await untilController(new RegExp(`\\(backup\\) at ${backupHost} is UP`));
    },
    [Symbol.asyncDispose]: async () => {
      // Steps outlive their slurmd; every job ends with its cluster.
      await command('scancel', '--full', '--signal=KILL', '--state=running').catch(() => '');
      await command('scancel', '--user=games').catch(() => '');
      await command('scancel', '--user=news').catch(() => '');
      await waitFor('no job is left', async () => (await command('squeue', '-h')).trim() === '', 20).catch(
        () => undefined,
      );
      await owned.disposeAsync();
    },
  };
}
