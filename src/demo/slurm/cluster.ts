import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { demoFailure, waitUntil } from '../observe.ts';
import { layOutCluster, slurmPath } from './cluster-parts.ts';

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
  mkdirSync(folder);
  const { conf, start, startMunge } = await layOutCluster({
    folder,
    name: clusterName,
    nodes,
    hooks: options.hooks,
  });

  const run = (program: string, ...args: readonly string[]): Promise<string> =>
    new Promise((resolve, reject) => {
      execFile(
        program,
        args,
        { env: { PATH: slurmPath, SLURM_CONF: conf }, timeout: commandMs },
        (error, stdout, stderr) =>
          error === null ? resolve(stdout) : reject(demoFailure(`${program}: ${stderr.trim()}`)),
      );
    });
  const until = (otherwise: string, condition: () => boolean | Promise<boolean>) =>
    waitUntil({ otherwise, condition, timeoutMs, signal });
  building.use(await startMunge());
  await until('munged does not serve', () => existsSync(at('munge/socket')));
  building.use(await start('slurmctld', '/usr/sbin/slurmctld', '-D', '-i'));
  for (const node of nodes) building.use(await start(node, '/usr/sbin/slurmd', '-D', '-N', node));
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
