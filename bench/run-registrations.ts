import { startChild } from './lib/child.ts';
import { askAsHook } from './lib/hook.ts';
import { type Benchmark, percentile, rate } from './lib/result.ts';
import type { RunServerReady } from './lib/run-messages.ts';

const goal = 500;

/**
 * Registrations of runs, from the hook's socket to its answer: signed, told to the broker over mutual TLS, durable in ledger, audit log and the
 * signer's journal. Slurm is left out: it starts fewer jobs than this.
 */
export const runRegistrations: Benchmark = async ({ quick, say }) => {
  using broker = startChild('run-server-process.ts', ['broker', '0']);
  const ready = await broker.next<RunServerReady>();
  using signer = startChild('run-signer-process.ts', []);
  const listening = signer.next<{ readonly socket: string }>();
  signer.send(ready);
  const { socket } = await listening;
  const seconds = quick ? 5 : 20;
  let jobId = 0;
  const tookMs: number[] = [];
  const register = async () => {
    const startedAt = performance.now();
    jobId += 1;
    const answer = await askAsHook(socket, 'register', {
      SLURM_JOB_ID: jobId,
      SLURM_JOB_GROUP: 'users',
      SLURM_JOB_PARTITION: 'gpu',
      SLURM_JOB_NODELIST: 'n[1-4]',
    });
    if (answer !== 'OK\n') throw new Error(`job ${jobId}: ${answer}`);
    tookMs.push(performance.now() - startedAt);
  };
  await rate({ seconds: 1, concurrency: 8, task: register });
  tookMs.length = 0;
  say(`registrations for ${seconds} s, 64 hooks at once`);
  const perSecond = await rate({ seconds, concurrency: 64, task: register });
  say(`one hook at a time`);
  const many = [...tookMs];
  tookMs.length = 0;
  const alone = await rate({ seconds: seconds / 4, concurrency: 1, task: register });
  return [
    {
      figure: 'run_registrations.rate_64_at_once',
      value: perSecond,
      unit: '/s',
      goal: { text: `at least ${goal}/s`, met: perSecond >= goal },
    },
    { figure: 'run_registrations.p99_64_at_once', value: percentile(many, 0.99), unit: 'ms' },
    { figure: 'run_registrations.rate_one_at_a_time', value: alone, unit: '/s' },
    { figure: 'run_registrations.p99_one_at_a_time', value: percentile(tookMs, 0.99), unit: 'ms' },
    { figure: 'run_registrations.registered', value: jobId, unit: 'runs' },
  ];
};
