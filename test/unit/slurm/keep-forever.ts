import { openKeptRuns } from '../../../src/slurm/kept-runs.ts';

/** A process of its own, to be killed: registers and forgets runs without end and says what is durable, one on a line. */
const runs = await openKeptRuns(process.argv[2] ?? '');
for (let jobId = Number(process.argv[3]); ; jobId += 4) {
  await Promise.all(
    [0, 1, 2, 3].map(async (lane) => {
      await runs.set(jobId + lane, process.pid);
      // Most jobs are short, so that the journal is written anew again and again.
      if (lane > 0) await runs.delete([jobId + lane]);
      process.stdout.write(`${jobId + lane} ${lane > 0 ? 0 : process.pid}\n`);
    }),
  );
}
