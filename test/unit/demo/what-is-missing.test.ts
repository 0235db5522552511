import { expect, it } from 'vitest';
import { whatIsMissing } from '../../../src/demo/slurm/what-is-missing.ts';

const nowhere = { PATH: '/nonexistent', LEASEHOLD_CACHE: '/nonexistent' };

it('names every part that the demo of a job lacks, and how to get it', () => {
  const missing = whatIsMissing(nowhere, { exists: () => false, uid: 1_000 });
  expect(missing.slice(0, 3)).toEqual([
    'slurmd and the node agents need root',
    'no Slurm: apt-get install slurmctld slurmd slurm-client munge slurm-wlm-basic-plugins',
    'no leasehold-hook: a checkout with gcc and libc6-dev, or the package of Leasehold, has it',
  ]);
  expect(missing.slice(3).join('\n')).toMatch(/neither vault nor bao is on PATH/);
});

it('names the one package whose program is not there, and nothing that is', () => {
  const of = (gone: string) =>
    whatIsMissing(nowhere, { exists: (path) => path !== gone, uid: 0 }).filter((line) =>
      /Slurm|root|hook/.test(line),
    );
  expect(of('/usr/bin/sbatch')).toEqual(['no Slurm: apt-get install slurm-client slurm-wlm-basic-plugins']);
  expect(of('')).toEqual([]);
});
