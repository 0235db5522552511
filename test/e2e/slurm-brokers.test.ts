import { expect, it } from 'vitest';
import { describeWith } from '../support/require.ts';
import { type jobsOf, type Login, tell, wait } from './slurm-jobs.ts';
import type { SiteBroker } from './slurm-site-broker.ts';
import { nodes, type SlurmSite } from './slurm-site.ts';
import { useSlurmSite } from './slurm-suite.ts';

/** Below what a hook waits, and enough to leave a broker that does not answer. */
const prolog = { seconds: 14 };

let site: SlurmSite;
let jobs: ReturnType<typeof jobsOf>;

/** Each node asks whichever broker comes first in an order of its own. */
describeWith(['vault', 'postgres', 'slurm'], 'a job on four nodes that ask two brokers', () => {
  useSlurmSite((...started) => ([site, jobs] = started), { hasTwoBrokers: true, prolog });

  const onAll = { args: ['-N4', '-n4'] };
  const lines = [
    tell('start'),
    'while [ ! -e $OUT/$SLURM_JOB_ID.again ]; do sleep 0.2; done',
    tell('again'),
    wait,
  ];
  const script = `srun sh -c '${lines.join('\n')}'`;
  /** What each node has now, after the tasks have been asked to look again. */
  const loginsNow = async (job: number): Promise<readonly Login[]> => {
    await site.tell(`${job}.again`);
    return loginsOf(job, 'again');
  };
  const loginsOf = (job: number, mark?: string): Promise<readonly Login[]> =>
    Promise.all(nodes.map((node) => jobs.loginOf(job, node, mark)));
  const records = async (broker: SiteBroker, action: string, job: number) =>
    (await broker.audit())
      .split('\n')
      .filter((line) => line.includes(`"${action}"`) && line.includes(`"${job}"`))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const holdersAt = async (broker: SiteBroker, action: string, job: number) =>
    new Set((await records(broker, action, job)).map(({ holder }) => String(holder)));
  const issued = async (job: number) =>
    (await Promise.all(site.brokers.map((broker) => records(broker, 'issue', job)))).flat().length;
  /** The broker that has made the credentials of that job. */
  const ownerOf = async (job: number): Promise<SiteBroker> => {
    for (const broker of site.brokers) if ((await records(broker, 'issue', job)).length > 0) return broker;
    return expect.unreachable();
  };
  /** One whose nodes have come to both. */
  const splitJob = async (): Promise<number> => {
    for (let tries = 0; tries < 8; tries += 1) {
      const job = await site.submit(script, onAll);
      await loginsOf(job);
      const attached = await Promise.all(site.brokers.map((broker) => holdersAt(broker, 'attach', job)));
      if (attached.every((at) => at.size > 0)) return job;
      await loginsNow(job);
      await jobs.release(job);
    }
    return expect.unreachable('eight jobs in a row came to one broker alone');
  };

  /** Every node has said that it has the one generation that was made after the first. */
  const allHaveTheSecond = (job: number) =>
    site.slurm.waitFor('all have the second generation', async () => {
      const said = (await Promise.all(site.brokers.map((at) => records(at, 'delivered', job)))).flat();
      const made = (await Promise.all(site.brokers.map((at) => records(at, 'rotate', job)))).flat();
      const have = said.filter(({ generation }) => generation === made[0]?.['generation']);
      return made.length === 1 && new Set(have.map(({ holder }) => holder)).size === nodes.length;
    });

  it('has one login on all of them, made once, also after a rotation, and ends with it', async () => {
    const job = await splitJob();
    const logins = await loginsOf(job);
    expect(new Set(logins.map(({ username }) => username)).size).toBe(1);
    expect(await issued(job)).toBe(1);
    expect(await jobs.canLogin(logins[0] ?? expect.unreachable())).toBe(true);
    // All were given it by the one that has it, wherever they had come first.
    expect((await holdersAt(await ownerOf(job), 'deliver', job)).size).toBe(nodes.length);
    const rotate = await site.command('rotate', '--job', String(job), '--reason', 'drill', '--yes');
    expect(rotate.status, rotate.stderr).toBe(0);
    await allHaveTheSecond(job);
    const rotated = await loginsNow(job);
    expect(new Set(rotated.map(({ username }) => username)).size).toBe(1);
    expect(rotated[0]).not.toEqual(logins[0]);
    expect(await issued(job)).toBe(1);
    await jobs.release(job);
    await jobs.expectOver(
      [job],
      [logins[0], rotated[0]].flatMap((login) => login ?? []),
    );
  });

  it.each(['SIGKILL', 'SIGSTOP'] as const)(
    'is given a new login everywhere when the broker that made the first has %s before all nodes have it',
    async (signal) => {
      site.signalAgent('n4', 'SIGSTOP');
      const job = await site.submit(script, onAll);
      let owner: SiteBroker;
      try {
        await site.slurm.waitFor('three nodes have it', async () => {
          const markers = await Promise.all(nodes.slice(0, 3).map((node) => site.marker(node, job)));
          return markers.every((marker) => marker !== '');
        });
        owner = await ownerOf(job);
        if (signal === 'SIGKILL') await owner.kill();
        else owner.signal(signal);
      } finally {
        site.signalAgent('n4', 'SIGCONT');
      }
      try {
        await loginsOf(job);
        await allHaveTheSecond(job);
      } finally {
        if (signal === 'SIGKILL') await owner.start();
        else owner.signal('SIGCONT');
      }
      const logins = await loginsNow(job);
      expect(new Set(logins.map(({ username }) => username)).size).toBe(1);
      expect(await jobs.canLogin(logins[0] ?? expect.unreachable())).toBe(true);
      await jobs.release(job);
      await jobs.expectOver([job], logins.slice(0, 1));
    },
  );
});
