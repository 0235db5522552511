/**
 * A task that somebody asks for who cannot wait for it. Never twice at the same time: asked for while it runs, it runs once more, since what it
 * has read by then may be too old.
 */
export interface Coalesced {
  ask(): void;
  /** Resolves when nothing runs and nothing is asked for. */
  idle(): Promise<void>;
  /** Begins nothing more; resolves when what runs has ended. */
  stop(): Promise<void>;
}

export function createCoalesced(
  task: () => Promise<void>,
  { failed }: { readonly failed: (error: unknown) => void },
): Coalesced {
  let running: Promise<void> | undefined;
  let isAsked = false;
  let isStopped = false;

  const run = async (): Promise<void> => {
    while (isAsked && !isStopped) {
      isAsked = false;
      try {
        await task();
      } catch (error) {
        failed(error);
      }
    }
    running = undefined;
  };

  return {
    ask: () => {
      isAsked = true;
      running ??= run();
    },
    idle: () => running ?? Promise.resolve(),
    stop: async () => {
      isStopped = true;
      await running;
    },
  };
}
