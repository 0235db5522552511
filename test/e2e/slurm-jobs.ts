import { expect } from 'vitest';
import type { Node, SlurmSite } from './slurm-site.ts';

/** Tells the login that this node has, as a file named by job, node and mark. */
export const tell = (mark: string, bundle = 'app'): string => {
  const file = `$OUT/$SLURM_JOB_ID.$SLURMD_NODENAME.${mark}`;
  const name = '$(mktemp $OUT/new.XXXXXX)';
  return `new=${name}; cat $LEASEHOLD_DIR/${bundle}/username > $new; echo >> $new; cat $LEASEHOLD_DIR/${bundle}/password >> $new; chmod 644 $new; mv $new ${file}`;
};
/** Until the test releases the job. */
export const wait = 'while [ ! -e $OUT/$SLURM_JOB_ID.go ]; do sleep 0.2; done';
/** What most jobs do. */
export const holding = `${tell('start')}\n${wait}`;

/** Any job of one node is put there, so that a test knows where to look. */
export const on = (node: Node, ...more: readonly string[]) => ({ args: [`--nodelist=${node}`, ...more] });

export interface Login {
  readonly username: string;
  readonly password: string;
}

/** What tests of a site ask of its jobs. */
export function jobsOf(site: SlurmSite) {
  const { slurm, parts } = site;
  const isGone = (login: Login) => parts.roleExists(login.username).then((exists) => !exists);
  const jobs = {
    loginOf: async (jobId: number, node: Node = 'n1', mark = 'start'): Promise<Login> => {
      const name = `${jobId}.${node}.${mark}`;
      await slurm.waitFor(`${name} is told`, async () => (await site.read(name)) !== '');
      const [username = '', password = ''] = (await site.read(name)).split('\n');
      return { username, password };
    },
    canLogin: ({ username, password }: Login) => parts.canLogin(username, password),
    isGone,
    /** Ids of the tasks of an array, or of the components of a heterogeneous job, once all have one of their own. */
    partsOf: async (jobId: number, count: number): Promise<readonly number[]> => {
      let ids: readonly number[] = [];
      await slurm.waitFor('all parts have started', async () => {
        const args = ['-h', '-r', '-t', 'all', '-j', String(jobId), '-O', 'JobID'];
        const lines = (await slurm.command('squeue', ...args)).split('\n');
        ids = [...new Set(lines.flatMap((line) => (line.trim() === '' ? [] : Number(line))))];
        return ids.length === count;
      });
      return ids.toSorted((a, b) => a - b);
    },
    release: (jobId: number) => site.tell(`${jobId}.go`),
    /** All of them have ended, and there is nothing of them anywhere. */
    expectOver: async (ids: readonly number[], logins: readonly Login[]): Promise<void> => {
      await slurm.waitFor(`${ids.join(', ')} are over`, async () => {
        const states = await Promise.all(ids.map((job) => slurm.state(job)));
        const ends = ['CD', 'CA', 'F', 'TO', 'NF'];
        return states.every(
          (state) => state === undefined || state.split(' ').every((s) => ends.includes(s)),
        );
      });
      await jobs.expectNothingLeft(ids, logins);
    },
    expectNothingLeft: async (ids: readonly number[], logins: readonly Login[]): Promise<void> => {
      const ofJobs = new RegExp(`/(${ids.join('|')})(-|\\.|$)`);
      await slurm.waitFor('no file, marker or record is left', async () =>
        (await site.left()).every((name) => !ofJobs.test(name)),
      );
      for (const login of logins) {
        await slurm.waitFor('the login is gone', () => isGone(login));
        expect(await jobs.canLogin(login)).toBe(false);
      }
      expect((await slurm.nodeStates()).filter((state) => /DRAIN|DOWN/.test(state))).toEqual([]);
    },
  };
  return jobs;
}
