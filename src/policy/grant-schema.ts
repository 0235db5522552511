import * as z from 'zod';
import { durationSchema } from '../platform/duration.ts';
import type { Grant, PodConditions, RunConditions } from './grant.ts';
import type { TextRule } from './text-rule.ts';
import { accountPattern, imageDigest, namePattern } from './text-rule.ts';

const oneOrMore = <Item extends z.ZodType<string>>(item: Item) =>
  z.preprocess(
    (raw) => (typeof raw === 'string' ? [raw] : raw),
    z
      .array(item, { error: 'must be a text or a list of texts' })
      .min(1, { error: 'must not be empty' })
      .max(256, { error: 'must have at most 256 entries' }),
  );

const text = ({ holds, rule }: TextRule) => z.string().refine(holds, { error: rule });

const names = oneOrMore(text(namePattern));
const accounts = oneOrMore(text(accountPattern));

/** Label values may be empty. */
const labelValue: TextRule = { ...namePattern, holds: (value) => value === '' || namePattern.holds(value) };

const labelKey = z
  .string()
  .max(317)
  .regex(/^([a-z0-9]([a-z0-9.-]*[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/, {
    error: 'must be a Kubernetes label key',
  });

const podsSchema = z
  .strictObject({
    cluster: names,
    namespace: names,
    serviceAccount: names.exactOptional(),
    pod: names.exactOptional(),
    node: names.exactOptional(),
    labels: z
      .record(labelKey, oneOrMore(text(labelValue)))
      .refine((labels) => Object.keys(labels).length > 0, { error: 'must not be empty' })
      .exactOptional(),
    imageDigests: oneOrMore(text(imageDigest)).exactOptional(),
  })
  .transform(({ labels, ...rest }): PodConditions => ({
    ...rest,
    ...(labels === undefined
      ? {}
      : { labels: Object.entries(labels).map(([key, values]) => ({ key, values })) }),
  }));

const runsSchema: z.ZodType<RunConditions> = z.strictObject({
  cluster: names,
  user: accounts.exactOptional(),
  group: accounts.exactOptional(),
  partition: names.exactOptional(),
  account: names.exactOptional(),
  qos: names.exactOptional(),
  node: names.exactOptional(),
  array: z.boolean({ error: 'must be true or false' }).exactOptional(),
});

/** One entry of `grants`. */
export const grantSchema = z
  .strictObject({
    name: z.string().regex(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/, {
      error: 'must be 1 to 63 letters, digits, ., _ and -, first and last a letter or digit',
    }),
    allow: names.exactOptional(),
    deny: names.exactOptional(),
    pods: podsSchema.exactOptional(),
    runs: runsSchema.exactOptional(),
    deliver: z.enum(['always', 'on_request']).exactOptional(),
    maxTtl: durationSchema({ min: 10, max: 90 * 86_400 }).exactOptional(),
  })
  .transform(({ name, allow, deny, pods, runs, deliver, maxTtl }, context): Grant => {
    const who = whose(pods, runs);
    if (who === undefined) {
      context.addIssue('must have exactly one of pods and runs');
      return z.NEVER;
    }
    if (deliver !== undefined && (allow === undefined || runs === undefined)) {
      context.addIssue({ code: 'custom', path: ['deliver'], message: 'goes with allow and runs only' });
      return z.NEVER;
    }
    if (allow !== undefined && deny === undefined)
      return {
        name,
        effect: 'allow',
        bundles: allow,
        ...who,
        ...(maxTtl === undefined ? {} : { maxSeconds: maxTtl }),
        ...(deliver === undefined ? {} : { deliver }),
      };
    if (allow !== undefined || deny === undefined)
      context.addIssue('must have exactly one of allow and deny');
    else if (maxTtl !== undefined)
      context.addIssue({ code: 'custom', path: ['maxTtl'], message: 'goes with allow only' });
    else return { name, effect: 'deny', bundles: deny, ...who };
    return z.NEVER;
  });

function whose(
  pods: PodConditions | undefined,
  runs: RunConditions | undefined,
): { readonly pods: PodConditions } | { readonly runs: RunConditions } | undefined {
  if (pods !== undefined && runs === undefined) return { pods };
  if (runs !== undefined && pods === undefined) return { runs };
  return undefined;
}
