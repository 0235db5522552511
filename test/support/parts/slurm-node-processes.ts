import { readdir, readFile } from 'node:fs/promises';

/**
 * Kills the jobs that run on one node of one cluster of ours, steps and all, and nothing else: each of their processes has the node and the
 * cluster's configuration in its environment, and a slurmstepd is the parent of such a one.
 */
export async function killJobsOfNode(node: string, conf: string): Promise<void> {
  const read = (pid: string, file: string) => readFile(`/proc/${pid}/${file}`, 'latin1').catch(() => '');
  const variables = async (pid: string) => (await read(pid, 'environ')).split('\0');
  const ours = `SLURM_CONF=${conf}`;
  const victims = new Set<string>();
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const found = await variables(pid);
    if (!found.includes(ours) || !found.includes(`SLURMD_NODENAME=${node}`)) continue;
    victims.add(pid);
    const parent = /^PPid:\t(\d+)$/m.exec(await read(pid, 'status'))?.[1] ?? '';
    const isStep =
      (await read(parent, 'comm')) === 'slurmstepd\n' && (await variables(parent)).includes(ours);
    if (isStep) victims.add(parent);
  }
  for (const pid of victims) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // Ended meanwhile.
    }
  }
}
