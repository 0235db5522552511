import { maxTemplateLength, parseTemplate } from '../src/platform/template.ts';
import type { FileContent, FileSpec } from '../src/rpc/client/hold-messages.ts';
import { broken, mapping, oneOf, optional, text, whole, type ReadValue } from './checked-value.ts';

const maxId = 2 ** 31 - 1;
const defaultMode = 0o440;

interface RawFile {
  readonly secret: string | undefined;
  readonly field: string | undefined;
  readonly format: 'raw' | 'json' | 'dotenv' | undefined;
  readonly template: string | undefined;
  readonly mode: number;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

/** Octal text only: as a YAML 1.2 number, 0440 would be decimal and mean 0670. */
const mode: ReadValue<number> = (value, path) => {
  if (typeof value !== 'string' || !/^0[0-7]{3}$/.test(value)) {
    throw broken(path, 'must be 0 and three octal digits in quotes, for example "0440"');
  }
  const bits = Number.parseInt(value, 8);
  if ((bits & 0o007) !== 0) throw broken(path, 'must give nothing to users outside owner and group');
  if ((bits & 0o400) === 0) throw broken(path, 'must let the owner read');
  return bits;
};

const rawFile = mapping<RawFile>({
  secret: optional(text(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'must be the name of a secret')),
  field: optional(text(/^\P{Cc}{1,255}$/u, 'must be the name of a field')),
  format: optional(oneOf(['raw', 'json', 'dotenv'] as const)),
  template: optional(text(/^./s, 'must not be empty')),
  mode: optional(mode, defaultMode),
  uid: optional(whole({ min: 0, max: maxId })),
  gid: optional(whole({ min: 0, max: maxId })),
});

/** `{secret, field}`, `{secret, format}` or `{template}`, as the broker's policy spells it. */
export const readFileLayout: ReadValue<Omit<FileSpec, 'path'>> = (value, path) => {
  const raw = rawFile(value, path);
  return {
    mode: raw.mode,
    content: content(raw, path),
    ...(raw.uid === undefined ? {} : { uid: raw.uid }),
    ...(raw.gid === undefined ? {} : { gid: raw.gid }),
  };
};

function content({ secret, field, format, template }: RawFile, path: string): FileContent {
  if (template !== undefined) {
    if (secret !== undefined || field !== undefined || format !== undefined) {
      throw broken(path, 'a template stands alone, without secret, field and format');
    }
    if (template.length > maxTemplateLength) throw broken(`${path}.template`, 'is too long');
    const parsed = parseTemplate(template);
    if (parsed.ok) return { format: 'template', template };
    const { line, column, rule } = parsed.problem;
    throw broken(`${path}.template`, `line ${line}, column ${column}: ${rule}`);
  }
  if (secret === undefined) throw broken(path, 'must have a secret or a template');
  if (format === 'json' || format === 'dotenv') {
    if (field !== undefined) throw broken(path, 'a field goes with the format raw only');
    return { format, secret };
  }
  if (field === undefined) throw broken(path, 'must name a field, or say format: json or format: dotenv');
  return { format: 'raw', secret, field };
}
