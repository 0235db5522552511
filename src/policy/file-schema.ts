import * as z from 'zod';
import { maxTemplateLength, parseTemplate, templateFields } from '../platform/template.ts';
import { brokenFilePathRule } from './file-path.ts';
import type { FileContent, FileLayout } from './bundle.ts';
import { secretName } from './secret-schema.ts';

export const filePath = z.string().superRefine((path, context) => {
  const rule = brokenFilePathRule(path);
  if (rule !== undefined) context.addIssue(rule);
});

/** Octal text only: as a YAML 1.2 number, 0440 would be decimal and mean 0670. */
const mode = z
  .string({ error: 'must be octal digits in quotes, for example "0440"' })
  .transform((text, context) => {
    const bits = /^0[0-7]{3}$/.test(text) ? Number.parseInt(text, 8) : undefined;
    if (bits === undefined)
      context.addIssue('must be 0 and three octal digits in quotes, for example "0440"');
    else if ((bits & 0o007) !== 0) context.addIssue('must give nothing to users outside owner and group');
    else if ((bits & 0o400) === 0) context.addIssue('must let the owner read');
    else return bits;
    return z.NEVER;
  });

const ownerId = z
  .number()
  .int()
  .min(0)
  .max(2 ** 31 - 1);

const fieldName = z
  .string()
  .min(1)
  .max(255)
  .regex(/^\P{Cc}*$/u, { error: 'must have no control characters' });

const defaultMode = 0o440;

/** `{secret, field}`, `{secret, format: json|dotenv}` or `{template}`, each with optional mode, uid and gid. */
export const fileSchema = z
  .strictObject({
    secret: secretName.exactOptional(),
    field: fieldName.exactOptional(),
    format: z.enum(['raw', 'json', 'dotenv']).exactOptional(),
    template: z.string().min(1).max(maxTemplateLength).exactOptional(),
    mode: mode.exactOptional(),
    uid: ownerId.exactOptional(),
    gid: ownerId.exactOptional(),
  })
  .transform((raw, context): Omit<FileLayout, 'path'> => {
    const content = contentOf(raw);
    if (typeof content === 'string') {
      context.addIssue(content);
      return z.NEVER;
    }
    return {
      mode: raw.mode ?? defaultMode,
      ...(raw.uid === undefined ? {} : { uid: raw.uid }),
      ...(raw.gid === undefined ? {} : { gid: raw.gid }),
      content,
    };
  });

interface RawContent {
  readonly secret?: string;
  readonly field?: string;
  readonly format?: 'raw' | 'json' | 'dotenv';
  readonly template?: string;
}

/** The content, or the rule that is broken. */
function contentOf({ secret, field, format, template }: RawContent): FileContent | string {
  if (template !== undefined) {
    if (secret !== undefined || field !== undefined || format !== undefined)
      return 'a template stands alone, without secret, field and format';
    const parsed = parseTemplate(template);
    if (parsed.ok) return { format: 'template', template };
    const { line, column, rule } = parsed.problem;
    return `the template is not valid at its line ${line}, column ${column}: ${rule}`;
  }
  if (secret === undefined) return 'must have a secret or a template';
  if (format === 'json' || format === 'dotenv')
    return field === undefined ? { format, secret } : 'a field goes with the format raw only';
  return field === undefined
    ? 'must name a field, or say format: json or format: dotenv'
    : { format: 'raw', secret, field };
}

/** Names of the secrets that the content reads. */
export function secretsOf(content: FileContent): readonly string[] {
  if (content.format !== 'template') return [content.secret];
  const parsed = parseTemplate(content.template);
  return parsed.ok ? templateFields(parsed.parts).map(({ secret }) => secret) : [];
}
