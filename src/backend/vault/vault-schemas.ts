import { z } from 'zod';
import { LeaseholdError } from '../../platform/error.ts';
import type { JudgedReply } from './vault-reply.ts';

const seconds = z.int().min(0);
const text = z.string().min(1);

/** A new token. Only what the check of a new token looks at; see `tokenFault`. */
export const createdToken = z.object({
  auth: z.object({
    client_token: text,
    accessor: text,
    policies: z.array(z.string()),
    token_policies: z.array(z.string()).nullish(),
    identity_policies: z.array(z.string()).nullish(),
    lease_duration: seconds,
    renewable: z.boolean(),
    entity_id: z.string().optional(),
    token_type: z.string(),
    orphan: z.boolean(),
    num_uses: seconds.optional(),
  }),
});

/** A login, or the renewal of a token. */
export const loginReply = z.object({
  auth: z.object({ client_token: text, lease_duration: seconds, renewable: z.boolean() }),
});

export const tokenRenewal = z.object({ auth: z.object({ lease_duration: seconds }) });

export const leaseRenewal = z.object({ lease_id: text, lease_duration: seconds });

/** An irrevocable lease has a negative ttl. */
const ttl = z.int().transform((value) => Math.max(0, value));

export const tokenLookup = z.object({ data: z.object({ accessor: text, ttl }) });

export const leaseLookup = z.object({ data: z.object({ id: text, ttl }) });

export const ownToken = z.object({
  data: z.object({
    ttl: seconds,
    renewable: z.boolean().optional(),
    policies: z.array(z.string()),
  }),
});

export const signedCertificate = z.object({
  data: z.object({ certificate: text, issuing_ca: text, ca_chain: z.array(text).max(16).nullish() }),
});

export const health = z.object({ cluster_id: text });

/** `data` is looked at by hand: zod would leave out a field that is called `__proto__`. */
export const anyRead = z.object({
  lease_id: z.string(),
  lease_duration: seconds,
  renewable: z.boolean(),
  wrap_info: z.null().optional(),
});

/** Throws `backend_reply_invalid`; the detail names the call, never what was found. */
export function parseBody<T>(schema: z.ZodType<T>, reply: JudgedReply, call: string): T {
  if (reply.kind === 'body') {
    const parsed = schema.safeParse(reply.body);
    if (parsed.success) return parsed.data;
  }
  throw new LeaseholdError('backend_reply_invalid', { detail: `${call}: not the promised shape` });
}
