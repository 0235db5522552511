import type { World } from './world.ts';

const quietMs = 2000;

export interface Progress {
  update(text: string): void;
  /** Clears the line. */
  end(): void;
}

/** One changing line on standard error, on a terminal only and once two seconds have passed. The text must be printable. */
export function createProgress(world: World): Progress {
  const { err } = world.stdio;
  if (!err.isTerminal) return { update: () => undefined, end: () => undefined };
  let latest = '';
  let isShown = false;
  const show = () => err.write(`\r\u001b[K${latest}`);
  const cancel = world.clock.after(quietMs, () => {
    isShown = true;
    show();
  });
  return {
    update: (text) => {
      latest = text;
      if (isShown) show();
    },
    end: () => {
      cancel();
      if (isShown) err.write('\r\u001b[K');
      isShown = false;
    },
  };
}
