import { z } from 'zod';
import type { Identity, PodIdentity, RunIdentity } from '../../identity/identity.ts';
import { LeaseholdError } from '../../platform/error.ts';
import type { Selector } from '../../policy/selector.ts';

const text = z.string();

const podIdentitySchema = z.strictObject({
  kind: z.literal('pod'),
  workload: text,
  spiffeId: text,
  cluster: text,
  namespace: text,
  serviceAccount: text,
  serviceAccountUid: text,
  pod: text,
  podUid: text,
  node: text,
  labels: z.record(text, text),
  images: z.discriminatedUnion('known', [
    z.strictObject({ known: z.literal(true), digests: z.array(text) }),
    z.strictObject({ known: z.literal(false) }),
  ]),
}) satisfies z.ZodType<PodIdentity>;

const whole = z.int().min(0);

const runIdentitySchema = z
  .strictObject({
    kind: z.literal('run'),
    workload: text,
    spiffeId: text,
    cluster: text,
    jobId: whole,
    start: whole,
    array: z.strictObject({ jobId: whole, taskId: whole }).exactOptional(),
    het: z.strictObject({ jobId: whole, offset: whole }).exactOptional(),
    uid: whole,
    gid: whole,
    user: text,
    group: text,
    partition: text,
    account: text,
    qos: text,
    accountingEnforced: z.boolean(),
    nodes: z.array(text),
  })
  // JSON has no undefined.
  .transform((raw): RunIdentity => ({ ...raw, array: raw.array, het: raw.het }));

const identitySchema: z.ZodType<Identity> = z.discriminatedUnion('kind', [
  podIdentitySchema,
  runIdentitySchema,
]);

const selectorSchema: z.ZodType<Selector> = z.strictObject({
  session: text.exactOptional(),
  cluster: text.exactOptional(),
  namespace: text.exactOptional(),
  serviceAccount: text.exactOptional(),
  pod: text.exactOptional(),
  podUid: text.exactOptional(),
  job: text.exactOptional(),
  array: text.exactOptional(),
  user: text.exactOptional(),
  account: text.exactOptional(),
  partition: text.exactOptional(),
  node: text.exactOptional(),
  imageDigest: text.exactOptional(),
  bundle: text.exactOptional(),
  all: z.literal(true).exactOptional(),
});

export function parseIdentity(json: string): Identity {
  return parse(json, identitySchema, 'identity');
}

/** A list of texts. */
export function parseTexts(json: string): readonly string[] {
  return parse(json, z.array(text), 'list');
}

export function parseSelector(json: string): Selector {
  return parse(json, selectorSchema, 'selector');
}

function parse<T>(json: string, schema: z.ZodType<T>, what: string): T {
  let raw: unknown;
  try {
    raw = JSON.parse(json);
  } catch (error) {
    throw new LeaseholdError('ledger_unusable', { detail: `a stored ${what} is not JSON`, cause: error });
  }
  const parsed = schema.safeParse(raw);
  if (!parsed.success)
    throw new LeaseholdError('ledger_unusable', { detail: `a stored ${what} breaks its schema` });
  return parsed.data;
}
