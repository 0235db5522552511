import { describe, expect, it } from 'vitest';
import { isRowOf } from '../../../src/lease/runs/reported-run.ts';
import { aRunIdentity } from '../../contract/ledger/runs-contract.ts';

describe('a row of the scheduler', () => {
  const run = { identity: aRunIdentity({ start: 1_000 }), restarts: 0 };
  const isOurs = (start: number, submitted: number | undefined, restarts = 0) =>
    isRowOf(run, { jobId: run.identity.jobId, start, endsAt: undefined, submitted, restarts, nodes: 0 });

  it.for<[string, number, number | undefined, number, boolean]>([
    ['of the next run of its job', 1_500, 1_200, 1, false],
    ['of another job with the id, which was never put back', 1_500, 1_200, 0, false],
    ['of a run put back in the second in which it had started', 1_010, 1_000, 1, false],
    ['of an earlier run', 900, 800, 0, false],
    ['with another start, of a signer that says no more', 1_500, undefined, 0, false],
    ['with its start', 1_000, 990, 0, true],
    ['with its start, of a signer that says no more', 1_000, undefined, 0, true],
    ['with the start of a run whose nodes have booted', 1_500, 990, 0, true],
    ['the same, submitted in the second in which it started', 1_500, 1_000, 0, true],
    ['that ends in order to be put back', 1_500, 990, 1, true],
  ])('%s', ([, start, submitted, restarts, expected]) => {
    expect(isOurs(start, submitted, restarts)).toBe(expected);
  });
});
