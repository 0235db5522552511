import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { mayMount } from '../support/may-mount.ts';
import { describeWith, runc } from '../support/require.ts';
import { installApptainer } from './slurm-apptainer.ts';
import { holding, type jobsOf, on, tell, wait } from './slurm-jobs.ts';
import { type Node, type SlurmSite } from './slurm-site.ts';
import { useSlurmSite } from './slurm-suite.ts';

const ociFragment = 'packaging/containers/oci-mount.json';
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
  const shipped = JSON.parse(await readFile(ociFragment, 'utf8')) as Record<string, unknown>;
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

/** All that a container on that node is to see, whatever starts it: `start` turns its program into the script of a job. The output of that job. */
async function outputOfContainer(node: Node, start: (program: string) => Promise<string>): Promise<string> {
  const other = await site.submit(holding, { user: 'news', ...on(node) });
  const logins = [await jobs.loginOf(other, node)];
  const run =
    (await site.left()).find((name) => name.startsWith(`${node}/runs/${other}-`))?.split('/')[2] ?? '';
  const password = '$LEASEHOLD_DIR/app/password';
  const program = [
    // What starts it may carry the two on its own way each, in any order.
    'exec 2>&1',
    `cat ${site.runsOn(node)}/${run}/app/password; echo "other $?"`,
    `chmod u+w ${password}; echo "own $?"`,
    `trap '${tell('told')}' USR1`,
    tell('start'),
    `while [ ! -e $OUT/$SLURM_JOB_ID.${node}.told ]; do sleep 0.1; done`,
    `while cat ${password} >$OUT/$SLURM_JOB_ID.scratch 2>&1; do sleep 0.1; done; : > $OUT/$SLURM_JOB_ID.gone`,
    wait,
  ];
  const job = await site.submit(await start(program.join('\n')), on(node));
  const first = await jobs.loginOf(job, node);
  const rotate = await site.command('rotate', '--job', String(job), '--reason', 'drill', '--yes');
  expect(rotate.status, rotate.stderr).toBe(0);
  const second = await jobs.loginOf(job, node, 'told');
  expect(second.username).not.toBe(first.username);
  expect(await jobs.canLogin(second)).toBe(true);
  const revoke = await site.command('revoke', '--job', String(job), '--reason', 'drill', '--yes');
  expect(revoke.status, revoke.stderr).toBe(0);
  await site.slurm.waitFor('the files are gone inside', async () => site.isTold(`${job}.gone`));
  for (const id of [job, other]) await jobs.release(id);
  await jobs.expectOver([job, other], [...logins, first, second]);
  const output = await site.read(`${job}.out`);
  expect(output).toMatch(/Permission denied\nother 1\n.*Read-only file system\nown 1\n/);
  return output;
}

describeWith(['vault', 'postgres', 'slurm'], 'a container of a Slurm job', () => {
  // Apptainer's containers have this machine's /dev, and /dev/shm with it: nothing is proved by what is seen there.
  useSlurmSite((...started) => ([site, jobs] = started), mayMount ? { memoryBelow: '/srv' } : {});

  describeWith(['runc'], 'by runc', () => {
    it('has its job’s files as they are outside, its own alone, until they are taken back', async () => {
      await outputOfContainer('n1', async (program) => {
        await site.tell('config.json', await configFor(program));
        return inContainer;
      });
    });
  });

  describeWith(['apptainer'], 'by Apptainer', () => {
    it.runIf(mayMount)(
      'has its job’s files as they are outside, its own alone, until they are taken back',
      async () => {
        const runs = site.runsOn('n2');
        const apptainer = await installApptainer({ folder: join(site.slurm.folder, 'apptainer'), runs });
        const reads = (name: string, ...options: Parameters<typeof apptainer.exec>) =>
          `${apptainer.exec(...options)} /bin/sh -c 'cat $LEASEHOLD_DIR/app/username >/dev/null; echo ${name} $?'`;
        const env = ['--env', 'LEASEHOLD_DIR=$LEASEHOLD_DIR'];
        const output = await outputOfContainer('n2', async (program) => {
          await site.tell('program.sh', program);
          return [
            reads('without', { configured: 'without' }),
            `${apptainer.exec({ configured: 'absent' })} /bin/true; echo "absent $?"`,
            reads('clean', { args: ['--cleanenv', ...env] }),
            reads('contained', { args: ['--containall', ...env] }),
            reads('bound', { args: ['--containall', '--bind', runs, ...env] }),
            // What is told is within a program that would end of the signal.
            `LEASEHOLD_SIGNAL=USR1 ${apptainer.exec()} /bin/sh -c 'sh $OUT/program.sh; echo "within $?"'`,
          ].join('\n');
        });
        const lines = output.split('\n').filter((line) => /^[a-z]+ \d+$/.test(line));
        expect(lines, output).toEqual([
          'without 1',
          'absent 255',
          'clean 0',
          'contained 1',
          'bound 0',
          'other 1',
          'own 1',
          'within 0',
        ]);
        expect(output).toContain(`mount source ${runs}-absent doesn't exist`);
      },
    );
  });
});
