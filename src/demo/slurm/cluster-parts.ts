import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../parts/free-port.ts';
import { type OwnedProcess, startProcess } from '../parts/owned-process.ts';
import { slurmConf } from './slurm-conf.ts';

/** What the daemons and commands of a Slurm need to find anything. */
export const slurmPath = '/usr/bin:/bin:/usr/sbin:/sbin';

/** The files of a Slurm on loopback, and its daemons' start; nothing runs yet. */
export interface ClusterParts {
  /** SLURM_CONF */
  readonly conf: string;
  /** Its output is in `log/NAME.out`. The process is the caller's. */
  readonly start: (name: string, command: string, ...args: readonly string[]) => Promise<OwnedProcess>;
  /** It serves once `munge/socket` is there. */
  readonly startMunge: () => Promise<OwnedProcess>;
}

export async function layOutCluster(options: {
  /** Exists, and is empty. Short: each job's slurmstepd has a socket in it, whose path may have 107 bytes. */
  readonly folder: string;
  /** ClusterName. */
  readonly name: string;
  readonly nodes: readonly string[];
  /** Body of each hook of slurm.conf, run by sh. */
  readonly hooks: Readonly<Record<string, string>>;
  /** Host names of controllers; this host's alone when left out. */
  readonly controllers?: readonly string[];
  /** root when left out. */
  readonly slurmUser?: { readonly name: string; readonly id: number };
  /** More lines of slurm.conf. */
  readonly lines?: readonly string[];
}): Promise<ClusterParts> {
  const { folder, name, nodes, slurmUser } = options;
  const at = (file: string) => join(folder, file);
  // Jobs of other users read their scripts and the socket of munge here.
  await chmod(folder, 0o711);
  for (const own of ['munge', 'state', 'spool', 'log', 'hooks', 'out']) await mkdir(at(own), { mode: 0o755 });
  await chmod(at('out'), 0o1777);
  if (slurmUser !== undefined)
    for (const own of ['state', 'log']) await chown(at(own), slurmUser.id, slurmUser.id);
  await writeFile(at('munge/key'), randomBytes(128), { mode: 0o600 });
  const hooks = Object.entries(options.hooks);
  for (const [hook, body] of hooks) {
    await writeFile(at(`hooks/${hook}`), `#!/bin/sh\n${body}\n`);
    await chmod(at(`hooks/${hook}`), 0o755);
  }
  const [controllerPort = 0, ...ports] = await Promise.all(['', ...nodes].map(() => freePort()));
  const conf = at('slurm.conf');
  await writeFile(at('cgroup.conf'), 'CgroupPlugin=cgroup/v1\n');
  await writeFile(
    conf,
    slurmConf({
      name,
      folder,
      slurmUser: slurmUser?.name ?? 'root',
      controllerPort,
      controllers: options.controllers ?? [hostname()],
      nodes: nodes.map((node, index) => ({ node, port: ports[index] ?? 0 })),
      lines: [...hooks.map(([hook]) => `${hook}=${at(`hooks/${hook}`)}`), ...(options.lines ?? [])],
    }),
  );
  const start: ClusterParts['start'] = (process, command, ...args) =>
    startProcess({
      name: process,
      command,
      args,
      logFile: at(`log/${process}.out`),
      // A controller that is killed may have forgotten the last of its jobs.
      stopGraceMs: 30_000,
      env: { SLURM_CONF: conf, PATH: slurmPath },
    });
  const munge = ['key', 'socket', 'pid', 'log', 'seed'].map((file) => {
    const option = file === 'socket' ? 'socket' : `${file}-file`;
    return `--${option}=${at(`munge/${file}`)}`;
  });
  return {
    conf,
    start,
    startMunge: () => start('munged', '/usr/sbin/munged', '--foreground', '--force', ...munge),
  };
}
