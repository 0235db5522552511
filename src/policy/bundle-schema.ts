import * as z from 'zod';
import { bundleName as properName } from '../platform/bundle-name.ts';
import { durationSchema } from '../platform/duration.ts';
import { isLeased } from './bundle.ts';
import type { Bundle, OutagePolicy } from './bundle.ts';
import { nestedFilePath } from './file-path.ts';
import { filePath, fileSchema, secretsOf } from './file-schema.ts';
import { secretName, secretSchema } from './secret-schema.ts';

const day = 86_400;

export const bundleName = z.string().regex(properName, {
  error: 'must be 1 to 63 of a-z, 0-9, ., _ and -, first and last a letter or digit',
});

/** The broker's own policy at the backend covers roles of this prefix and no other. */
const tokenRole = z
  .string()
  .regex(/^leasehold-[a-z0-9]+(-[a-z0-9]+)*$/, {
    error: 'must be leasehold- and then words of a-z and 0-9 with single dashes between',
  })
  .max(128);

const outageSchema = z
  .strictObject({
    mode: z.enum(['keep', 'not_ready', 'wipe']),
    after: durationSchema({ min: 0, max: 30 * day }).exactOptional(),
  })
  .transform(({ mode, after }, context): OutagePolicy => {
    if (after === undefined && mode !== 'keep') {
      context.addIssue({ code: 'custom', path: ['after'], message: `is required with mode ${mode}` });
      return z.NEVER;
    }
    return { mode, afterSeconds: after ?? 0 };
  });

const entries = <Key extends z.ZodString, Value extends z.ZodType>(
  key: Key,
  value: Value,
  limits: { readonly min: number; readonly max: number },
) =>
  z
    .record(key, value)
    .refine((record) => Object.keys(record).length >= limits.min, { error: 'must not be empty' })
    .refine((record) => Object.keys(record).length <= limits.max, {
      error: `must have at most ${limits.max} entries`,
    });

/** A bundle without its name, which is its key. */
export const bundleSchema = z
  .strictObject({
    tokenRole,
    ttl: durationSchema({ min: 10, max: 32 * day }),
    maxTtl: durationSchema({ min: 10, max: 90 * day }),
    rotateEvery: durationSchema({ min: 10, max: 90 * day }).exactOptional(),
    overlap: durationSchema({ min: 0, max: day }).exactOptional(),
    refresh: durationSchema({ min: 1, max: day }).default(60),
    outage: outageSchema,
    perNode: z.boolean().default(false),
    nodeWithoutSecrets: z.enum(['fail_tasks', 'cancel_job']).default('fail_tasks'),
    secrets: entries(secretName, secretSchema, { min: 1, max: 32 }),
    files: entries(filePath, fileSchema, { min: 1, max: 256 }),
  })
  .transform((raw): Omit<Bundle, 'name'> => ({
    tokenRole: raw.tokenRole,
    secrets: Object.entries(raw.secrets).map(([name, source]) => ({ name, ...source })),
    files: Object.entries(raw.files).map(([path, layout]) => ({ path, ...layout })),
    ttlSeconds: raw.ttl,
    maxSeconds: raw.maxTtl,
    ...(raw.rotateEvery === undefined ? {} : { rotateSeconds: raw.rotateEvery }),
    overlapSeconds: raw.overlap ?? Math.min(defaultOverlapSeconds, Math.floor(raw.ttl * longestOverlap)),
    refreshSeconds: raw.refresh,
    outage: raw.outage,
    perNode: raw.perNode,
    nodeWithoutSecrets: raw.nodeWithoutSecrets,
  }))
  .superRefine((bundle, context) => {
    if (bundle.perNode && !isLeased({ name: '', ...bundle }))
      context.addIssue({ code: 'custom', path: ['perNode'], message: 'needs a leased secret in the bundle' });
    for (const [path, message] of [...brokenTimes(bundle), ...brokenReferences(bundle)])
      context.addIssue({ code: 'custom', path, message });
  });

const defaultOverlapSeconds = 300;

/** Part of the ttl. */
const longestOverlap = 1 / 4;

type Broken = readonly [path: string[], rule: string];

function brokenTimes(bundle: Omit<Bundle, 'name'>): readonly Broken[] {
  const { ttlSeconds, maxSeconds, rotateSeconds, overlapSeconds } = bundle;
  const broken: Broken[] = [];
  if (ttlSeconds > maxSeconds) broken.push([['ttl'], 'must be at most maxTtl']);
  // A retiring lease set is not renewed any more, and just before a renewal a quarter of the ttl is what is left of it.
  if (overlapSeconds > ttlSeconds * longestOverlap)
    broken.push([['overlap'], 'must be at most a quarter of ttl']);
  if (rotateSeconds !== undefined) {
    if (!isLeased({ name: '', ...bundle }))
      broken.push([['rotateEvery'], 'needs a leased secret in the bundle']);
    if (rotateSeconds >= maxSeconds) broken.push([['rotateEvery'], 'must be less than maxTtl']);
    // At most one lease set retires at a time.
    if (rotateSeconds <= overlapSeconds) broken.push([['rotateEvery'], 'must be more than overlap']);
  }
  return broken;
}

function brokenReferences({ secrets, files }: Omit<Bundle, 'name'>): readonly Broken[] {
  const broken: Broken[] = [];
  const known = new Set(secrets.map(({ name }) => name));
  const used = new Set<string>();
  for (const { path, content } of files) {
    const named = secretsOf(content);
    for (const name of named) used.add(name);
    const key = content.format === 'template' ? 'template' : 'secret';
    if (named.some((name) => !known.has(name)))
      broken.push([['files', path, key], 'names a secret that the bundle does not have']);
  }
  const nested = nestedFilePath(files.map(({ path }) => path));
  if (nested !== undefined) broken.push([['files', nested], 'lies below another file of the bundle']);
  // A secret that no file shows would still travel to the workload.
  for (const name of known) if (!used.has(name)) broken.push([['secrets', name], 'is used by no file']);
  return broken;
}
