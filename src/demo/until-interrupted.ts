const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Aborted by the first signal that asks this process to end. */
export interface Interruption extends Disposable {
  readonly signal: AbortSignal;
}

/**
 * Takes the signals over until it is disposed. Further ones change nothing: npm passes on what the terminal has already
 * sent to the whole group, and a second one in the middle of the cleaning up would leave processes and files behind.
 * That is bounded by the time each process is given to end.
 */
export function untilInterrupted(target: NodeJS.Process): Interruption {
  const interrupted = new AbortController();
  const abort = () => interrupted.abort();
  for (const signal of signals) target.on(signal, abort);
  // A reader that has gone away (`leasehold demo | head`): nobody is looking any more.
  target.stdout.on('error', abort);
  return {
    signal: interrupted.signal,
    [Symbol.dispose]: () => {
      for (const signal of signals) target.removeListener(signal, abort);
    },
  };
}
