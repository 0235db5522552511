import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTempFolder, type TempFolder } from '../../support/temp-folder.ts';

const script = join(import.meta.dirname, '..', '..', '..', 'sidecar', 'hook', 'leasehold-task-prolog');
const isThere = (shell: string) => spawnSync(shell, ['--help'], { stdio: 'ignore' }).error === undefined;
/** By its path: the hostile environments below name no folder that has one. */
const shells = ['/bin/dash', '/bin/bash', '/bin/busybox'].filter(isThere);

describe.for(shells)('leasehold-task-prolog in %s', (shell) => {
  let folder: TempFolder;
  const jobs = () => join(folder.path, 'jobs');
  const delivered = () => join(folder.path, '12-1700000000');

  const run = (env: Readonly<Record<string, string>> = {}) => {
    const flags = shell.endsWith('bash') ? ['--posix'] : shell.endsWith('busybox') ? ['sh'] : [];
    const { status, stdout, stderr } = spawnSync(shell, [...flags, script, jobs()], {
      env: { SLURM_JOB_ID: '12', SLURM_JOB_UID: '20001', SLURM_RESTART_COUNT: '0', ...env },
      encoding: 'utf8',
      cwd: '/',
    });
    return { status, lines: stdout.split('\n').slice(0, -1), stderr };
  };
  const mark = (changes: Readonly<Record<string, string>> = {}, name = '12') => {
    const marker = {
      leasehold: '1',
      state: 'delivered',
      run: 'run/hpc/12/1700000000',
      uid: '20001',
      restarts: '0',
      start: '1700000000',
      dir: delivered(),
      ...changes,
    };
    const lines = Object.entries(marker).map(([name, value]) => `${name}=${value}\n`);
    return writeFile(join(jobs(), name), lines.join(''));
  };
  const refused = (outcome: ReturnType<typeof run>, words: RegExp) => {
    expect(outcome).toMatchObject({ status: 1, stderr: '' });
    expect(outcome.lines).toHaveLength(1);
    expect(outcome.lines[0]).toMatch(words);
    expect(outcome.lines[0]).toMatch(/^print leasehold: /);
  };

  beforeAll(async () => {
    folder = await createTempFolder({ name: 'task-prolog' });
  });
  beforeEach(async () => {
    await rm(jobs(), { recursive: true, force: true });
    await mkdir(jobs());
    await mkdir(delivered(), { recursive: true });
  });
  afterAll(() => folder[Symbol.asyncDispose]());

  it('fails the task without a marker, and with one that is a link, a folder or a pipe', async () => {
    refused(run(), /not on this node/);
    await writeFile(join(folder.path, 'other'), 'leasehold=1\nstate=nothing\nuid=20001\nrestarts=0\n');
    await symlink(join(folder.path, 'other'), join(jobs(), '12'));
    refused(run(), /not on this node/);
    await rm(join(jobs(), '12'));
    await mkdir(join(jobs(), '12'));
    refused(run(), /not on this node/);
    await rm(join(jobs(), '12'), { recursive: true });
    execFileSync('mkfifo', [join(jobs(), '12')]);
    refused(run(), /not on this node/);
  });

  it.for(['', '../12', '12/../12', '1 2', '12\n'])('fails the task of a job called %j', async (job) => {
    await mark();
    refused(run({ SLURM_JOB_ID: job }), /does not belong to a job/);
  });

  it('says why the delivery has failed', async () => {
    await mark({ state: 'failed', why: 'The site is $(id) `closed` "today" \\n.' });
    refused(run(), /^print leasehold: The site is \$\(id\) `closed` "today" \\n\.$/);
    await mark({ state: 'failed' });
    refused(run(), /could not be fetched/);
  });

  it.for([
    ['an earlier run of the same job', { restarts: '1' }, {}],
    ['an earlier run, by its start', {}, { SLURM_JOB_START_TIME: '1700009999' }],
    ['another user', { uid: '20002' }, {}],
    ['a forged restart count', {}, { SLURM_RESTART_COUNT: '5' }],
    ['an earlier run, in a step of this job', {}, { SLURM_RESTART_COUNT: '1', LEASEHOLD_JOB: '12' }],
    [
      'a later run, in a job that another one has submitted',
      { restarts: '2' },
      { SLURM_RESTART_COUNT: '1', LEASEHOLD_JOB: '11' },
    ],
    [
      'a restart count forged under its other name',
      {},
      { SLURM_RESTART_COUNT: '', SLURM_JOB_RESTART_COUNT: '5' },
    ],
  ] as const)('fails the task when the marker is of %s', async ([, changes, env]) => {
    await mark(changes);
    refused(run(env), /belong to another run/);
  });

  it.for([{ leasehold: '2' }, { state: 'perhaps' }, { state: '' }])(
    'fails the task when the marker is not understood: %j',
    async (changes) => {
      await mark(changes);
      refused(run(), /cannot be told/);
    },
  );

  it('fails the task when the files are gone', async () => {
    await mark({ dir: '/nonexistent' });
    refused(run(), /have been removed/);
  });

  it('tells the task where its files are, whatever environment the user has made', async () => {
    await mark();
    const hostile = {
      NODE_OPTIONS: '--require=/tmp/x',
      IFS: '=/12',
      PATH: '/nonexistent',
      CDPATH: '/tmp',
      ENV: '/etc/passwd',
      BASH_ENV: '/etc/passwd',
      LEASEHOLD_DIR: '/tmp/mine',
      version: '9',
      state: 'failed',
      why: 'no',
      dir: '/tmp',
      marker: '/etc/passwd',
      folder: '/tmp',
      LD_LIBRARY_PATH: '/nonexistent',
    };
    for (const env of [{}, hostile])
      expect(run(env)).toEqual({
        status: 0,
        lines: [`export LEASEHOLD_DIR=${delivered()}`, 'export LEASEHOLD_JOB=12'],
        stderr: '',
      });
  });

  it('lets a first run start that a requeued job has submitted, whose count it has inherited, and clears that', async () => {
    await mark();
    for (const name of ['SLURM_RESTART_COUNT', 'SLURM_JOB_RESTART_COUNT'])
      expect(run({ SLURM_RESTART_COUNT: '', [name]: '1', LEASEHOLD_JOB: '11' })).toEqual({
        status: 0,
        lines: [
          `export LEASEHOLD_DIR=${delivered()}`,
          'export LEASEHOLD_JOB=12',
          'unset SLURM_RESTART_COUNT',
          'unset SLURM_JOB_RESTART_COUNT',
        ],
        stderr: '',
      });
  });

  it('takes the marker of another component where the first one of its heterogeneous job is not on the node', async () => {
    await symlink(join(folder.path, 'nowhere'), join(jobs(), '12.het'));
    refused(run(), /not on this node/);
    await rm(join(jobs(), '12.het'));
    await mark({ uid: '20002' }, '12.het');
    refused(run(), /belong to another run/);
    await mark({ run: 'run/hpc/13/1700000000' }, '12.het');
    expect(run()).toMatchObject({
      status: 0,
      lines: [`export LEASEHOLD_DIR=${delivered()}`, 'export LEASEHOLD_JOB=12'],
    });
    await mark({ state: 'failed', why: 'No.' });
    refused(run(), /No\.$/);
  });

  it('lets the task start where nothing is granted, without a folder that the user names', async () => {
    await mark({ state: 'nothing' });
    expect(run({ LEASEHOLD_DIR: '/tmp/mine' })).toEqual({
      status: 0,
      lines: ['unset LEASEHOLD_DIR', 'export LEASEHOLD_JOB=12'],
      stderr: '',
    });
  });
});
