import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { describeWith, runc } from '../support/require.ts';
import { holding, type jobsOf, on, tell, wait } from './slurm-jobs.ts';
import { type SlurmSite } from './slurm-site.ts';
import { useSlurmSite } from './slurm-suite.ts';

const fragment = 'packaging/containers/oci-mount.json';
/** The user of the jobs, `games`. */
const [uid, gid] = [5, 60];

let site: SlurmSite;
let jobs: ReturnType<typeof jobsOf>;

/** config.json of a container over this machine's programs, whose root is the job's user, with all that root may do to other users' files. */
async function configFor(program: string): Promise<string> {
  const bind = (path: string, ...options: readonly string[]) => ({
    destination: path,
    source: path,
    type: 'bind',
    options: ['rbind', ...options],
  });
  const runs = site.runsOn('n1');
  const shipped = JSON.parse(await readFile(fragment, 'utf8')) as Record<string, unknown>;
  const may = ['CAP_DAC_OVERRIDE', 'CAP_DAC_READ_SEARCH', 'CAP_FOWNER', 'CAP_CHOWN'];
  return JSON.stringify({
    ociVersion: '1.0.2',
    process: {
      user: { uid: 0, gid: 0 },
      args: ['/bin/sh', '-c', program],
      env: [
        'PATH=/usr/bin:/bin',
        ...['OUT', 'SLURM_JOB_ID', 'SLURMD_NODENAME', 'LEASEHOLD_DIR'].map((name) => `${name}=@${name}@`),
        'LEASEHOLD_SIGNAL=USR1',
      ],
      cwd: '/',
      capabilities: { bounding: may, effective: may, permitted: may },
      noNewPrivileges: true,
    },
    root: { path: 'rootfs', readonly: true },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      ...['/usr', '/bin', '/lib', '/lib64'].map((path) => bind(path, 'ro')),
      bind(`${site.slurm.folder}/out`),
      { ...shipped, destination: runs, source: runs },
    ],
    linux: {
      namespaces: ['pid', 'mount', 'ipc', 'uts', 'user'].map((type) => ({ type })),
      uidMappings: [{ containerID: 0, hostID: uid, size: 1 }],
      gidMappings: [{ containerID: 0, hostID: gid, size: 1 }],
    },
  });
}

/** Runs it as a job's user does who has no right of root's. */
const inContainer = `
b=$OUT/bundle-$SLURM_JOB_ID
mkdir -p $b/rootfs
sed "s|@OUT@|$OUT|; s|@SLURM_JOB_ID@|$SLURM_JOB_ID|; s|@SLURMD_NODENAME@|$SLURMD_NODENAME|; s|@LEASEHOLD_DIR@|$LEASEHOLD_DIR|" $OUT/config.json > $b/config.json
XDG_RUNTIME_DIR=$b ${runc} --root $b/state run --bundle $b job-$SLURM_JOB_ID 2>&1`;

describeWith(['vault', 'postgres', 'slurm', 'runc'], 'a container of a Slurm job', () => {
  useSlurmSite((...started) => ([site, jobs] = started));

  it('has its job’s files as they are outside, its own alone, until they are taken back', async () => {
    const other = await site.submit(holding, { user: 'news', ...on('n1') });
    const logins = [await jobs.loginOf(other)];
    const run = (await site.left()).find((name) => name.startsWith(`n1/runs/${other}-`))?.split('/')[2] ?? '';
    const password = '$LEASEHOLD_DIR/app/password';
    const program = [
      `cat ${site.runsOn('n1')}/${run}/app/password; echo "other $?"`,
      `chmod u+w ${password}; echo "own $?"`,
      `trap '${tell('told')}' USR1`,
      tell('start'),
      'while [ ! -e $OUT/$SLURM_JOB_ID.n1.told ]; do sleep 0.1; done',
      `while cat ${password} >$OUT/scratch 2>&1; do sleep 0.1; done; : > $OUT/$SLURM_JOB_ID.gone`,
      wait,
    ];
    await site.tell('config.json', await configFor(program.join('\n')));
    const job = await site.submit(inContainer, on('n1'));
    const first = await jobs.loginOf(job);
    const rotate = await site.command('rotate', '--job', String(job), '--reason', 'drill', '--yes');
    expect(rotate.status, rotate.stderr).toBe(0);
    const second = await jobs.loginOf(job, 'n1', 'told');
    expect(second.username).not.toBe(first.username);
    expect(await jobs.canLogin(second)).toBe(true);
    const revoke = await site.command('revoke', '--job', String(job), '--reason', 'drill', '--yes');
    expect(revoke.status, revoke.stderr).toBe(0);
    await site.slurm.waitFor('the files are gone inside', async () => site.isTold(`${job}.gone`));
    for (const id of [job, other]) await jobs.release(id);
    await jobs.expectOver([job, other], [...logins, first, second]);
    const output = await site.read(`${job}.out`);
    expect(output).toMatch(/Permission denied\nother 1\n.*Read-only file system\nown 1\n/);
  });
});
