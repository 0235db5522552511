import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unreleased } from '../../../src/slurm/unreleased.ts';

const asked = ['1', '2', '999', '5_1', '5_9'];

describe('what scontrol says of jobs that it does not release', () => {
  it('names each of them, whichever form Slurm uses', () => {
    const text =
      'Job has already finished for job 2\nInvalid job id specified for job 999\n5_9: Invalid job id specified\nslurm_suspend error: No error\n';
    expect([...(unreleased(text, asked) ?? [])]).toEqual([
      ['2', 'Job has already finished'],
      ['999', 'Invalid job id specified'],
      ['5_9', 'Invalid job id specified'],
    ]);
  });

  it('may repeat the reason of the only one', () => {
    const text = 'Job has already finished for job 2\nslurm_suspend error: Job has already finished\n';
    expect([...(unreleased(text, ['2']) ?? [])]).toEqual([['2', 'Job has already finished']]);
  });

  it.for([
    ['nothing', ''],
    ['no job', 'slurm_suspend error: No error\n'],
    [
      'that the controller is away',
      'slurm_suspend error: Unable to contact slurm controller (connect failure)\n',
    ],
    ['that it went away in the middle', 'Job has already finished for job 2\nscontrol: error: timed out\n'],
    [
      'one job, and that the controller went away',
      'Job has already finished for job 2\nslurm_suspend error: Unable to contact slurm controller\n',
    ],
    ['a job that nobody asked for', 'Job has already finished for job 3\n'],
  ] as const)('leaves open which are released when it says %s', ([, text]) => {
    expect(unreleased(text, asked)).toBeUndefined();
  });

  it('is never read as a job that was not asked for, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.constantFrom(' for job 2', ': x', ''),
        fc.constantFrom('7_1', '', '2'),
        (a, b, c) => {
          const found = unreleased(`${c}${b}\n${a}${b}\n`, asked);
          expect([...(found?.keys() ?? [])].every((name) => asked.includes(name))).toBe(true);
        },
      ),
    );
  });
});
