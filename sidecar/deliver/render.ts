import { LeaseholdError } from '../../src/platform/error.ts';
import { parseTemplate } from '../../src/platform/template.ts';
import type { FileSpec } from '../../src/rpc/client/hold-messages.ts';
import { renderDotenv } from './dotenv.ts';
import { fillTemplate, TemplateValueProblem } from './template-value.ts';

/** Raw values of a generation: secret name to field name to bytes. */
export type RawSecrets = ReadonlyMap<string, ReadonlyMap<string, Uint8Array>>;

export interface RenderedFile {
  readonly path: string;
  readonly mode: number;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly content: Buffer;
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Every file of a generation, or none: `delivery_failed` when one of them cannot be made, with a detail that names
 * file and rule. Pure; paths and modes are taken as checked.
 */
export function renderFiles(files: readonly FileSpec[], secrets: RawSecrets): readonly RenderedFile[] {
  return files.map((file) => ({
    path: file.path,
    mode: file.mode,
    uid: file.uid,
    gid: file.gid,
    content: renderFile(file, secrets),
  }));
}

function renderFile(file: FileSpec, secrets: RawSecrets): Buffer {
  const { content } = file;
  switch (content.format) {
    case 'raw': {
      const value = fieldsOf(file, content.secret, secrets).get(content.field);
      if (value === undefined) throw failed(file, 'the secret has no such field');
      return Buffer.from(value);
    }
    case 'json':
      return renderJson(file, fieldsOf(file, content.secret, secrets));
    case 'dotenv':
      try {
        return renderDotenv(fieldsOf(file, content.secret, secrets));
      } catch (error) {
        throw failed(file, LeaseholdError.from(error).detail ?? 'not possible as dotenv');
      }
    case 'template': {
      const parsed = parseTemplate(content.template);
      if (!parsed.ok) {
        throw failed(
          file,
          `template line ${parsed.problem.line}, column ${parsed.problem.column}: ${parsed.problem.rule}`,
        );
      }
      try {
        return fillTemplate(parsed.parts, (secret, field) => secrets.get(secret)?.get(field));
      } catch (error) {
        throw failed(
          file,
          error instanceof TemplateValueProblem ? error.message : 'the template cannot be filled',
        );
      }
    }
  }
}

/**
 * One object, keys in order, every value a string: the wire does not tell a number from a string of digits, and a guess
 * would turn a numeric password into a number.
 */
function renderJson(file: FileSpec, fields: ReadonlyMap<string, Uint8Array>): Buffer {
  const members = [...fields]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(textOf(file, value))}`);
  return Buffer.from(`{${members.join(',')}}\n`, 'utf8');
}

function textOf(file: FileSpec, value: Uint8Array): string {
  try {
    return strictUtf8.decode(value);
  } catch {
    throw failed(file, 'a value is not UTF-8 text, which json needs');
  }
}

function fieldsOf(file: FileSpec, secret: string, secrets: RawSecrets): ReadonlyMap<string, Uint8Array> {
  const fields = secrets.get(secret);
  if (fields === undefined) throw failed(file, 'the bundle has no such secret');
  return fields;
}

function failed(file: FileSpec, rule: string): LeaseholdError {
  return new LeaseholdError('delivery_failed', { detail: `file ${file.path}: ${rule}` });
}
