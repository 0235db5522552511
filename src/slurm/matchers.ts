import * as z from 'zod';

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
      // Earlier versions kept neither, which matches more.
      nodes: patterns.default([]),
      array: z.boolean().optional(),
    }),
  ),
});

export type KeptMatchers = z.infer<typeof matchersSchema>;
