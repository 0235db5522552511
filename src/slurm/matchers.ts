import * as z from 'zod';
import type { StartingJob } from './registration.ts';

const patterns = z.array(z.string());

/** The broker's last word on which runs need secrets, as the signer keeps it. */
export const matchersSchema = z.object({
  /** When it came; milliseconds since the Unix epoch. */
  received: z.number(),
  policyRevision: z.string(),
  matchers: z.array(
    z.object({
      grant: z.string(),
      users: patterns,
      groups: patterns,
      partitions: patterns,
      accounts: patterns,
      qos: patterns,
    }),
  ),
});

export type KeptMatchers = z.infer<typeof matchersSchema>;

/** Whether a grant delivers something to this job, or its user asked for something. */
export function needsSecrets(job: StartingJob, { matchers }: KeptMatchers): boolean {
  return (
    job.requested.length > 0 ||
    matchers.some(
      (one) =>
        fits(one.users, job.user) &&
        fits(one.groups, job.group) &&
        fits(one.partitions, job.partition) &&
        fits(one.accounts, job.account) &&
        fits(one.qos, job.qos),
    )
  );
}

/** A name that Slurm could not look up may be any: a job is held too often rather than started without. */
function fits(list: readonly string[], value: string | undefined): boolean {
  return list.length === 0 || value === undefined || list.some((pattern) => matches(pattern, value));
}

/** `*` stands for any run of characters. Linear in the value for each part, whatever the pattern. */
function matches(pattern: string, value: string): boolean {
  const [head = '', ...parts] = pattern.split('*');
  const tail = parts.pop();
  if (tail === undefined) return value === pattern;
  if (!value.startsWith(head) || !value.endsWith(tail) || value.length < head.length + tail.length)
    return false;
  let at = head.length;
  for (const part of parts) {
    const found = value.indexOf(part, at);
    if (found === -1 || found + part.length > value.length - tail.length) return false;
    at = found + part.length;
  }
  return true;
}
