import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../platform/clock.ts';
import { LeaseholdError } from '../platform/error.ts';

/** The database account in the files of the bundle. */
export interface Login {
  readonly username: string;
  readonly password: string;
}

const pollMs = 50;

/** Polls until the condition holds; `otherwise` is what the demo failed with when it never does. */
export async function waitUntil(options: {
  readonly otherwise: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly condition: () => boolean | Promise<boolean>;
}): Promise<void> {
  const until = systemClock.monotonic() + options.timeoutMs;
  while (!(await options.condition())) {
    if (systemClock.monotonic() > until) throw demoFailure(options.otherwise);
    await systemClock.sleep(pollMs, options.signal);
  }
}

/** The demo saw something else than it promises. */
export function demoFailure(detail: string): LeaseholdError {
  return new LeaseholdError('internal', { detail });
}

/** Number of the generation that a folder holds; 0 while there is none. */
export function generationIn(folder: string): number {
  try {
    return Number.parseInt(readFileSync(join(folder, 'generation'), 'utf8'), 10);
  } catch {
    return 0;
  }
}

/** Names that a program sees in a bundle's folder. */
export function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => !name.startsWith('.'));
  } catch {
    return [];
  }
}

export function readLogin(folder: string): Login {
  const text = readFileSync(join(folder, 'database.env'), 'utf8');
  const value = (name: string) => new RegExp(`^${name}='([^']*)'`, 'im').exec(text)?.[1] ?? '';
  return { username: value('username'), password: value('password') };
}
