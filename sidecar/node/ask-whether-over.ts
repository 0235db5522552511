import { createHoldLoop, type HoldLoopOptions } from '../hold.ts';
import { meaningOfEnd } from './stream-end.ts';

const limitMs = 30_000;

/** Whether the broker says of a run that it has named that it is over: one stream of a moment. False where no broker says so. */
export async function askWhetherOver(
  options: Omit<HoldLoopOptions, 'bundles' | 'onWelcome' | 'onEnd'>,
  signal: AbortSignal,
): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const giveUp = () => resolve(false);
  signal.addEventListener('abort', giveUp, { once: true });
  const cancel = options.clock.after(limitMs, giveUp);
  const loop = createHoldLoop({
    ...options,
    bundles: [],
    onWelcome: giveUp,
    onEnd: (error) => {
      resolve(meaningOfEnd(error?.code, true) === 'over');
      return 'slow';
    },
  });
  const running = loop.run();
  try {
    return !signal.aborted && (await promise);
  } finally {
    cancel();
    signal.removeEventListener('abort', giveUp);
    await loop.stop();
    await running;
  }
}
