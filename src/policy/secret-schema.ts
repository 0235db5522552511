import * as z from 'zod';
import { brokenMountedPathRule, brokenPathRule } from './backend-path.ts';
import type { SecretSource } from './bundle.ts';

/** Name of a secret within its bundle; templates name it. */
export const secretName = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, {
  error: 'must be 1 to 63 of a-z, 0-9, _ and -, first a letter or digit',
});

const ruled = (brokenRule: (path: string) => string | undefined) =>
  z.string().superRefine((path, context) => {
    const rule = brokenRule(path);
    if (rule !== undefined) context.addIssue(rule);
  });

const mountedPath = ruled(brokenMountedPathRule);

const keyValue = z.strictObject({ mount: mountedPath, path: ruled(brokenPathRule) });

const forms = 'must have exactly one of leased, kv2, kv1, read';

/** `{leased: path}`, `{kv2: {mount, path}}`, `{kv1: {mount, path}}` or `{read: path}`. */
export const secretSchema = z
  .strictObject({
    leased: mountedPath.exactOptional(),
    kv2: keyValue.exactOptional(),
    kv1: keyValue.exactOptional(),
    read: mountedPath.exactOptional(),
  })
  .transform((form, context): Omit<SecretSource, 'name'> => {
    if (Object.keys(form).length === 1) {
      if (form.leased !== undefined) return { kind: 'leased', engine: 'read', path: form.leased };
      if (form.kv2 !== undefined)
        return { kind: 'static', engine: 'kv2', path: `${form.kv2.mount}/data/${form.kv2.path}` };
      if (form.kv1 !== undefined)
        return { kind: 'static', engine: 'kv1', path: `${form.kv1.mount}/${form.kv1.path}` };
      if (form.read !== undefined) return { kind: 'static', engine: 'read', path: form.read };
    }
    context.addIssue(forms);
    return z.NEVER;
  });
