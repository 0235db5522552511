import type { JobName } from './scheduler.ts';

/** Jobs that could not be released, and why. */
export type Unreleased = ReadonlyMap<JobName, string>;

/**
 * Reads what `scontrol release a,b,…` says when it fails: a line for each job that it did not release, in either of two forms, and a last one
 * that repeats a reason or has none. Undefined when there is another line, or no job: then nobody knows which jobs were released.
 */
export function unreleased(text: string, asked: readonly JobName[]): Unreleased | undefined {
  const found = new Map<JobName, string>();
  const closing: string[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [, reason] = /^slurm_suspend error: (.+)$/.exec(line) ?? [];
    if (reason !== undefined) {
      closing.push(reason);
      continue;
    }
    const [, before, name = ''] = /^(.+) for job (\d+(?:_\d+)?)$/.exec(line) ?? [];
    const [, task = '', after] = /^(\d+(?:_\d+)?): (.+)$/.exec(line) ?? [];
    const [job, why] = before === undefined ? [task, after] : [name, before];
    if (why === undefined || !asked.includes(job)) return undefined;
    found.set(job, why);
  }
  const reasons = new Set(['No error', ...found.values()]);
  return found.size > 0 && closing.every((reason) => reasons.has(reason)) ? found : undefined;
}
