import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Environment, findOnPath, findVault } from '../parts/find-program.ts';
import { findPostgres } from '../parts/postgres-programs.ts';

/** The programs of a Slurm, by the Debian package that brings them. */
const programs = {
  slurmctld: ['/usr/sbin/slurmctld'],
  slurmd: ['/usr/sbin/slurmd'],
  'slurm-client': ['/usr/bin/squeue', '/usr/bin/scontrol', '/usr/bin/sbatch', '/usr/bin/scancel'],
  munge: ['/usr/sbin/munged'],
} as const;

export const hookSources = join(import.meta.dirname, '..', '..', '..', 'sidecar', 'hook');
export const installedHook = '/usr/libexec/leasehold/leasehold-hook';

/** Everything that keeps the demo from showing a job on this machine, and how to get it; empty where nothing does. */
export function whatIsMissing(
  env: Environment,
  /** Of what is looked for by its path, and who looks. */
  {
    exists = existsSync,
    uid = process.getuid?.(),
  }: { exists?: (path: string) => boolean; uid?: number | undefined } = {},
): readonly string[] {
  const packages = Object.entries(programs).flatMap(([name, paths]) => (paths.every(exists) ? [] : name));
  const isBuildable = exists(join(hookSources, 'leasehold-hook.c')) && findOnPath('cc', env) !== undefined;
  return [
    ...(uid === 0 ? [] : ['slurmd and the node agents need root']),
    ...(packages.length === 0
      ? []
      : [`no Slurm: apt-get install ${packages.join(' ')} slurm-wlm-basic-plugins`]),
    ...(isBuildable || exists(installedHook)
      ? []
      : ['no leasehold-hook: a checkout with gcc and libc6-dev, or the package of Leasehold, has it']),
    ...[findVault(env), findPostgres()].flatMap((found) => ('missing' in found ? found.missing : [])),
  ];
}
