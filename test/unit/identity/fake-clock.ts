import { LeaseholdError } from '../../../src/platform/error.ts';
import type { Clock } from '../../../src/platform/clock.ts';

/** A clock that moves only when told. Timers fire in order, as their time comes. */
export class FakeClock implements Clock {
  #monotonic = 5_000;
  #wall = Date.parse('2030-01-01T00:00:00Z');
  readonly #timers = new Set<{ at: number; callback: () => void }>();

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#monotonic + Math.max(0, ms), callback };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = this.after(ms, () => resolve());
      const stop = () => {
        cancel();
        reject(new LeaseholdError('cancelled'));
      };
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop, { once: true });
    });
  }

  /** How many timers wait; a closed owner leaves none. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves both clocks, and lets what a timer woke up run before the next one fires. */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    for (;;) {
      await settle();
      const next = [...this.#timers].sort((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > end) break;
      this.#move(next.at);
      this.#timers.delete(next);
      next.callback();
    }
    this.#move(end);
    await settle();
  }

  /** A jump of the wall clock alone. */
  setWall(ms: number): void {
    this.#wall = ms;
  }

  #move(to: number): void {
    this.#wall += to - this.#monotonic;
    this.#monotonic = to;
  }
}

/** Lets everything run that needs no time. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
