import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { demoFailure, waitUntil } from '../observe.ts';
import { freePort } from '../parts/free-port.ts';
import { startProcess } from '../parts/owned-process.ts';

/** A Slurm on loopback, in a folder of its own: munged, slurmctld, and a slurmd for each node. Every command runs as root but jobs. */
export interface DemoCluster extends AsyncDisposable {
  /** SLURM_CONF */
  readonly conf: string;
  /** Submits a job script as that user; its id. */
  submit(user: string, args: readonly string[], script: string): Promise<number>;
  cancel(jobId: number): Promise<void>;
  /** Compact states of the job; empty once it is forgotten. */
  state(jobId: number): Promise<string>;
  /** What the job has printed. */
  output(jobId: number): string;
}

export const clusterName = 'demo';
const path = '/usr/bin:/bin:/usr/sbin:/sbin';
const commandMs = 30_000;

export async function startCluster(options: {
  /** Does not exist yet, and goes with the demo's own. Short: each job's slurmstepd has a socket in it, whose path may have 107 bytes. */
  readonly folder: string;
  readonly nodes: readonly string[];
  /** Body of each hook of slurm.conf. */
  readonly hooks: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}): Promise<DemoCluster> {
  const { folder, nodes, timeoutMs, signal } = options;
  await using building = new AsyncDisposableStack();
  const at = (name: string) => join(folder, name);
  // Jobs of other users read their scripts and the socket of munge here.
  mkdirSync(folder);
  chmodSync(folder, 0o711);
  for (const name of ['munge', 'state', 'spool', 'log', 'hooks', 'out']) mkdirSync(at(name), { mode: 0o755 });
  chmodSync(at('out'), 0o1777);
  writeFileSync(at('munge/key'), randomBytes(128), { mode: 0o600 });
  for (const [name, body] of Object.entries(options.hooks)) {
    writeFileSync(at(`hooks/${name}`), `#!/bin/sh\n${body}\n`);
    chmodSync(at(`hooks/${name}`), 0o755);
  }
  const conf = at('slurm.conf');
  const ports = await Promise.all(['', ...nodes].map(() => freePort()));
  writeFileSync(at('cgroup.conf'), 'CgroupPlugin=cgroup/v1\n');
  writeFileSync(conf, slurmConf({ folder, nodes, ports, hooks: Object.keys(options.hooks) }));

  const run = (program: string, ...args: readonly string[]): Promise<string> =>
    new Promise((resolve, reject) => {
      execFile(
        program,
        args,
        { env: { PATH: path, SLURM_CONF: conf }, timeout: commandMs },
        (error, stdout, stderr) =>
          error === null ? resolve(stdout) : reject(demoFailure(`${program}: ${stderr.trim()}`)),
      );
    });
  const start = async (name: string, command: string, ...args: readonly string[]) =>
    building.use(
      await startProcess({
        name,
        command,
        args,
        logFile: at(`log/${name}.out`),
        env: { SLURM_CONF: conf, PATH: path },
      }),
    );
  const munge = ['key', 'socket', 'pid', 'log', 'seed'].map((name) => {
    const option = name === 'socket' ? 'socket' : `${name}-file`;
    return `--${option}=${at(`munge/${name}`)}`;
  });
  await start('munged', '/usr/sbin/munged', '--foreground', '--force', ...munge);
  const until = (otherwise: string, condition: () => boolean | Promise<boolean>) =>
    waitUntil({ otherwise, condition, timeoutMs, signal });
  await until('munged does not serve', () => existsSync(at('munge/socket')));
  await start('slurmctld', '/usr/sbin/slurmctld', '-D', '-i');
  for (const node of nodes) await start(node, '/usr/sbin/slurmd', '-D', '-N', node);
  await until('the nodes of the Slurm are not idle', async () => {
    const text = await run('/usr/bin/scontrol', '--oneliner', 'show', 'nodes').catch(() => '');
    return [...text.matchAll(/ State=IDLE /g)].length === nodes.length;
  });

  const cancel = async (...what: readonly string[]) => {
    await run('/usr/bin/scancel', ...what);
  };
  const owned = building.move();
  return {
    conf,
    submit: async (user, args, script) => {
      const file = at(`out/${randomBytes(4).toString('hex')}.sh`);
      writeFileSync(file, `#!/bin/sh\n${script}\n`);
      chmodSync(file, 0o755);
      const sbatch = [
        '/usr/bin/sbatch',
        '--parsable',
        '--chdir=/',
        `--output=${at('out')}/%j.out`,
        ...args,
        file,
      ];
      return Number((await run('/usr/sbin/runuser', '-u', user, '--', ...sbatch)).trim().split(';')[0]);
    },
    cancel: (jobId) => cancel(String(jobId)),
    state: async (jobId) =>
      (
        await run('/usr/bin/squeue', '-h', '-t', 'all', '-j', String(jobId), '-o', '%t').catch(() => '')
      ).trim(),
    output: (jobId) => {
      const file = at(`out/${jobId}.out`);
      return existsSync(file) ? readFileSync(file, 'utf8') : '';
    },
    [Symbol.asyncDispose]: async () => {
      // Steps outlive their slurmd.
      await cancel('--full', '--signal=KILL', '--state=running').catch(() => undefined);
      const noJob = async () => (await run('/usr/bin/squeue', '-h').catch(() => '')).trim() === '';
      await waitUntil({
        otherwise: 'jobs are left',
        condition: noJob,
        timeoutMs,
        signal: new AbortController().signal,
      }).catch(() => undefined);
      await owned.disposeAsync();
    },
  };
}

function slurmConf(options: {
  readonly folder: string;
  readonly nodes: readonly string[];
  /** The controller's, then one for each node. */
  readonly ports: readonly number[];
  readonly hooks: readonly string[];
}): string {
  const { folder, nodes, ports } = options;
  const at = (name: string) => join(folder, name);
  return [
    `ClusterName=${clusterName}`,
    `SlurmctldHost=${hostname()}(127.0.0.1)`,
    'SlurmUser=root',
    `SlurmctldPort=${ports[0] ?? 0}`,
    'CommunicationParameters=NoInAddrAny,NoCtldInAddrAny',
    'AuthType=auth/munge',
    'CredType=cred/munge',
    `AuthInfo=socket=${at('munge/socket')},cred_expire=5`,
    'MpiDefault=none',
    'SwitchType=switch/none',
    'ProctrackType=proctrack/linuxproc',
    'TaskPlugin=task/none',
    'JobAcctGatherType=jobacct_gather/none',
    'AccountingStorageType=accounting_storage/none',
    'SelectType=select/cons_tres',
    'SelectTypeParameters=CR_Core',
    'SlurmdParameters=config_overrides',
    'PrologFlags=Alloc',
    'KillWait=5',
    `StateSaveLocation=${at('state')}`,
    `SlurmdSpoolDir=${at('spool')}/%n`,
    `SlurmctldPidFile=${at('state')}/slurmctld.pid`,
    `SlurmdPidFile=${at('spool')}/%n.pid`,
    `SlurmctldLogFile=${at('log')}/slurmctld.log`,
    `SlurmdLogFile=${at('log')}/%n.log`,
    'SchedulerParameters=sched_interval=1,batch_sched_delay=0,sched_min_interval=0',
    ...options.hooks.map((hook) => `${hook}=${at(`hooks/${hook}`)}`),
    ...nodes.map(
      (node, index) =>
        `NodeName=${node} NodeHostname=${hostname()} NodeAddr=127.0.0.1 Port=${ports[index + 1] ?? 0} CPUs=4 RealMemory=100 State=UNKNOWN`,
    ),
    'PartitionName=gpu Nodes=ALL Default=YES MaxTime=60 State=UP',
    'PartitionName=cpu Nodes=ALL MaxTime=60 State=UP',
    '',
  ].join('\n');
}
