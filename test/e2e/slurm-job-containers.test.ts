import { spawnSync } from 'node:child_process';
import { readdir, readlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemCode } from '../../src/platform/small-file.ts';
import { mayMount } from '../support/may-mount.ts';
import { jobContainersIn } from '../support/parts/slurm-job-containers.ts';
import { describeWith } from '../support/require.ts';
import { holding, type jobsOf, on, tell, wait } from './slurm-jobs.ts';
import { type SlurmSite } from './slurm-site.ts';
import { useSlurmSite } from './slurm-suite.ts';

let site: SlurmSite;
let jobs: ReturnType<typeof jobsOf>;

/** What a job with a namespace of its own has mounted is what was mounted when its node first heard of it. */
describeWith(['vault', 'postgres', 'slurm'], 'a Slurm job in a mount namespace of its own', () => {
  describe.runIf(mayMount)('by job_container/tmpfs', () => {
    useSlurmSite((...started) => ([site, jobs] = started), { hasJobContainers: true });

    const expectNoContainerOf = (job: number) =>
      site.slurm.waitFor('Slurm has let go of the container', async () => {
        // Slurm removes folders, of this job and of others, while they are read.
        const made = await readdir(jobContainersIn(site.slurm.folder), { recursive: true }).catch(
          (error: unknown) => {
            if (systemCode(error) === 'ENOENT') return undefined;
            throw error;
          },
        );
        return made?.every((path) => !path.split('/').includes(String(job))) === true;
      });

    it.concurrent(
      'has its login in its batch script and its steps, on all its nodes, read-only',
      async () => {
        const space = 'echo "$SLURMD_NODENAME $(readlink /proc/self/ns/mnt)."';
        const attempt = 'chmod u+w $LEASEHOLD_DIR/app/password 2>&1';
        const script = [
          ': > /tmp/mine; : > /dev/shm/mine; echo $(ls -A /tmp /dev/shm)',
          space,
          attempt,
          tell('start'),
          `srun sh -c '${space}; ${attempt}; ${tell('step')}'`,
          ': > $OUT/$SLURM_JOB_ID.stepped',
          wait,
        ];
        const job = await site.submit(script.join('\n'), { args: ['-w', 'n1,n2', '-n2'] });
        const logins = await Promise.all([
          jobs.loginOf(job),
          ...(['n1', 'n2'] as const).map((node) => jobs.loginOf(job, node, 'step')),
        ]);
        expect(new Set(logins.map(({ username }) => username)).size).toBe(1);
        // What a task says comes through srun, later than the files that it writes.
        await site.slurm.waitFor('the step is over', async () => site.isTold(`${job}.stepped`));
        const output = await site.read(`${job}.out`);
        expect(output).toMatch(/^\/dev\/shm: mine \/tmp: mine\n/);
        expect(output.match(/Read-only file system/g), output).toHaveLength(3);
        const spaces = [...output.matchAll(/^(n\d) (mnt:.*)\.$/gm)].map(([, node, space]) => ({
          node,
          space,
        }));
        const [batch] = spaces;
        expect(spaces.map(({ node }) => node).sort()).toEqual(['n1', 'n1', 'n2']);
        expect(spaces.filter(({ node }) => node === 'n1')).toEqual([batch, batch]);
        expect(new Set([await readlink('/proc/self/ns/mnt'), ...spaces.map(({ space }) => space)]).size).toBe(
          3,
        );
        await jobs.release(job);
        await jobs.expectOver([job], logins);
        await expectNoContainerOf(job);
      },
    );

    it.concurrent(
      'sees a rotation, also by an agent that was started after it, and is told of it',
      async () => {
        const program = `trap "${tell('told$(cut -c1 $LEASEHOLD_DIR/app/generation)')}" USR1; ${tell('start')}; while [ ! -e $OUT/$SLURM_JOB_ID.n4.told2 ]; do sleep 0.1; done; ${wait}`;
        await site.tell('program.sh', program.replaceAll('"', "'"));
        const batch = `cut -c1 $LEASEHOLD_DIR/app/generation; ${wait}; cut -c1 $LEASEHOLD_DIR/app/generation`;
        const job = await site.submit(
          `LEASEHOLD_SIGNAL=USR1 srun sh $OUT/program.sh &\n${batch}\nwait`,
          on('n4'),
        );
        const first = await jobs.loginOf(job, 'n4');
        await site.killAgent('n4');
        await site.startAgent('n4');
        const rotate = await site.command('rotate', '--job', String(job), '--reason', 'drill', '--yes');
        expect(rotate.status, rotate.stderr).toBe(0);
        const second = await jobs.loginOf(job, 'n4', 'told2');
        expect(second.username).not.toBe(first.username);
        await site.slurm.waitFor('the first login is gone', () => jobs.isGone(first));
        expect(await jobs.canLogin(second)).toBe(true);
        await jobs.release(job);
        await jobs.expectOver([job], [first, second]);
        expect(await site.read(`${job}.out`)).toBe('1\n2\n');
        await expectNoContainerOf(job);
      },
    );

    it.concurrent('sees its files go when it is revoked', async () => {
      const gone =
        'while cat $LEASEHOLD_DIR/app/password >/dev/null 2>&1; do sleep 0.1; done; ls -d $LEASEHOLD_DIR/app/* 2>&1';
      const job = await site.submit(
        `${tell('start')}\n${gone}\n: > $OUT/$SLURM_JOB_ID.gone\n${wait}`,
        on('n1'),
      );
      const login = await jobs.loginOf(job);
      const revoked = await site.command('revoke', '--job', String(job), '--reason', 'test', '--yes');
      expect(revoked.status, revoked.stderr).toBe(0);
      await site.slurm.waitFor('the job has seen it', async () => site.isTold(`${job}.gone`));
      expect(await site.read(`${job}.out`)).toContain('No such file or directory');
      await jobs.release(job);
      await jobs.expectOver([job], [login]);
      await expectNoContainerOf(job);
    });

    it('fails where no agent has mounted anything, and the next one has what was mounted since', async () => {
      const root = dirname(site.runsOn('n3'));
      await site.killAgent('n3');
      for (const mount of ['runs', 'own/runs', '']) spawnSync('/usr/bin/umount', [join(root, mount)]);
      const early = await site.submit(holding, on('n3'));
      await site.slurm.waitFor('it has failed', async () => (await site.slurm.state(early)) === 'F');
      expect(await site.read(`${early}.out`)).toContain('credentials of this job are not on this node');
      await expectNoContainerOf(early);

      await site.startAgent('n3');
      const next = await site.submit(holding, on('n3'));
      const login = await jobs.loginOf(next, 'n3');
      await jobs.release(next);
      await jobs.expectOver([early, next], [login]);
    });
  });
});
