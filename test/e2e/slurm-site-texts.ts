import { stringify } from 'yaml';
import type { HookLines } from '../support/parts/slurm.ts';
import { vaultPaths } from '../support/parts/vault-with-postgres.ts';

/** A database account, as two files. */
export const bundle = (tokenRole: string, times: Readonly<Record<string, string>>) => ({
  tokenRole,
  ...times,
  refresh: '5s',
  outage: { mode: 'keep' },
  secrets: { db: { leased: vaultPaths.credentials } },
  files: {
    username: { secret: 'db', field: 'username' },
    password: { secret: 'db', field: 'password' },
  },
});

/**
 * Every run in the partitions gpu and urgent gets a database account; those in cpu get nothing. `brief`, `own` and `vital` are for who asks: one is decided anew every few
 * seconds, one is another on each node, and without the last on all its nodes a job is cancelled.
 */
export const policyText = stringify({
  bundles: {
    app: bundle('leasehold-app', { ttl: '10m', maxTtl: '1h', overlap: '30s' }),
    vital: {
      ...bundle('leasehold-vital', { ttl: '10m', maxTtl: '1h', overlap: '30s' }),
      nodeWithoutSecrets: 'cancel_job',
    },
    own: { ...bundle('leasehold-own', { ttl: '10m', maxTtl: '1h', overlap: '30s' }), perNode: true },
    brief: bundle('leasehold-brief', { ttl: '20s', maxTtl: '20s', overlap: '5s' }),
  },
  grants: [
    { name: 'gpu', allow: 'app', runs: { cluster: 'hpc', partition: 'gpu' } },
    { name: 'urgent', allow: 'app', runs: { cluster: 'hpc', partition: 'urgent' } },
    {
      name: 'wish',
      allow: ['brief', 'own', 'vital'],
      deliver: 'on_request',
      runs: { cluster: 'hpc', partition: 'gpu' },
    },
  ],
});

/**
 * Of a cluster whose slurm.conf names the programs themselves, as the packages have it. With pauses, a job whose name begins with `pause-before` or
 * `pause-after` is kept in PrologSlurmctld, before or after it is registered, until its `.on` file is there.
 */
export function siteHooks(options: {
  /** Built for the sockets of the site. */
  readonly hook: string;
  readonly taskProlog: string;
  readonly hasPauses: boolean;
}): { readonly conf: readonly string[]; readonly hooks: () => HookLines } {
  const { hook, taskProlog, hasPauses } = options;
  const pause = (moment: string) =>
    `case $SLURM_JOB_NAME in pause-${moment}*) : >$T/out/$SLURM_JOB_ID.${moment}; while [ ! -e $T/out/$SLURM_JOB_ID.on ]; do /bin/sleep 0.1; done;; esac`;
  const own = hasPauses ? [] : ['PrologSlurmctld'];
  const lines = [...own, 'EpilogSlurmctld', 'Prolog', 'Epilog'].map((name) => `${name}=${hook}`);
  return {
    conf: [...lines, `TaskProlog=${taskProlog}`],
    hooks: () =>
      hasPauses ? { PrologSlurmctld: `${pause('before')}\n${hook}\n${pause('after')}\nexit 0` } : {},
  };
}
