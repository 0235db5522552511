import { setTimeout as sleep } from 'node:timers/promises';
import type { OwnedProcess } from './owned-process.ts';

const POLL_MS = 50;
const DEFAULT_DEADLINE_MS = 60_000;

/** Polls `ready` until it is true; fails at once when the process ends, and at the deadline, with its last output. */
export const waitUntilReady = async (options: {
  readonly process: OwnedProcess;
  readonly ready: () => Promise<boolean>;
  readonly deadlineMs?: number;
}): Promise<void> => {
  const { process: owned, ready } = options;
  const deadline = performance.now() + (options.deadlineMs ?? DEFAULT_DEADLINE_MS);
  let lastReason: unknown;
  while (performance.now() < deadline) {
    if (owned.exited) throw new Error(`${owned.name} ended before it was ready:\n${owned.lastOutput()}`);
    try {
      if (await ready()) return;
    } catch (error) {
      lastReason = error;
    }
    await sleep(POLL_MS);
  }
  throw new Error(`${owned.name} was not ready in time:\n${owned.lastOutput()}`, { cause: lastReason });
};

/** Polls until `condition` holds; for what a real part does in its own time. `what` completes "waited for …". */
export const waitFor = async (
  what: string,
  condition: () => Promise<boolean>,
  deadlineMs: number = DEFAULT_DEADLINE_MS,
): Promise<void> => {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    if (await condition()) return;
    if (performance.now() >= deadline) throw new Error(`waited ${deadlineMs} ms in vain for ${what}`);
    await sleep(POLL_MS);
  }
};
