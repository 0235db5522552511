import type { Clock } from './clock.ts';

/** Undefined when the work takes longer: it goes on by itself, and nobody waits for it. Rejects as the work does within that time. */
export async function endsWithin<T>(
  work: Promise<T>,
  options: { readonly clock: Clock; readonly ms: number },
): Promise<{ readonly value: T } | undefined> {
  let cancel: () => void = () => undefined;
  const over = new Promise<undefined>((resolve) => {
    cancel = options.clock.after(options.ms, () => resolve(undefined));
  });
  try {
    return await Promise.race([work.then((value) => ({ value })), over]);
  } finally {
    cancel();
  }
}
