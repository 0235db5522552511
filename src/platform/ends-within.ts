import type { Clock } from './clock.ts';

/** False when the work takes longer: it goes on by itself, and nobody waits for it. Rejects as the work does within that time. */
export async function endsWithin(
  work: Promise<unknown>,
  options: { readonly clock: Clock; readonly ms: number },
) {
  let cancel: () => void = () => undefined;
  const over = new Promise<false>((resolve) => {
    cancel = options.clock.after(options.ms, () => resolve(false));
  });
  try {
    return await Promise.race([work.then(() => true), over]);
  } finally {
    cancel();
  }
}
