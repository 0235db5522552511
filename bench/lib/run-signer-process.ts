import { createSigner } from '../../src/slurm/signer.ts';
import type { Scheduler } from '../../src/slurm/scheduler.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { listenForHooks } from '../../src/platform/hook-socket.ts';
import { silentLog } from '../../src/platform/log.ts';
import type { RunServerReady } from './run-messages.ts';
import { prepareSigner } from './run-signer.ts';

/** A process with a signer as it is, but for Slurm: every job is there and starts. Says where its socket is. */
const start = Math.floor(Date.now() / 1000);
const scheduler: Scheduler = {
  runs: () => Promise.resolve([]),
  run: (jobId) =>
    Promise.resolve({
      jobId,
      uid: 20_001,
      start,
      endsAt: start + 3_600,
      submitted: 0,
      restarts: 0,
      isStarting: true,
      canBeHeld: true,
      name: String(jobId),
      state: undefined,
      nodes: 1,
      qos: '',
    }),
  settings: () => Promise.resolve({ accountingEnforced: false, qosEnforced: false, prologsAtStart: true }),
  hold: () => Promise.resolve(),
  held: () => Promise.resolve(new Map()),
  release: () => Promise.resolve(new Map()),
  disown: () => Promise.resolve(),
  cancel: () => Promise.resolve(),
  cancelRun: () => Promise.resolve(false),
};

process.once('message', (message) => {
  // Sent by the benchmark itself.
  void serve(message as RunServerReady);
});

async function serve(ready: RunServerReady): Promise<void> {
  const { config, keys, broker } = await prepareSigner(ready);
  const signer = await createSigner({
    config,
    broker: () => broker,
    keys: () => keys,
    scheduler,
    clock: systemClock,
    random: Math.random,
    log: silentLog,
    signal: new AbortController().signal,
  });
  await listenForHooks({
    path: config.socket.path,
    group: undefined,
    answer: (request) => signer.answer(request),
    log: silentLog,
  });
  process.send?.({ socket: config.socket.path });
}
