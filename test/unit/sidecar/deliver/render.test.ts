import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasCode, LeaseholdError } from '../../../../src/platform/error.ts';
import { renderDotenv } from '../../../../sidecar/deliver/dotenv.ts';
import { renderFiles } from '../../../../sidecar/deliver/render.ts';
import { createMemoryFolder } from '../memory-folder.ts';

const secrets = new Map([
  [
    'login',
    new Map([
      ['user', Buffer.from('jane')],
      ['password', Buffer.from(`it's "1"`)],
    ]),
  ],
]);
const file = { path: 'f', mode: 0o440 };

function render(content: Parameters<typeof renderFiles>[0][number]['content'], from = secrets): string {
  return renderFiles([{ ...file, content }], from)[0]?.content.toString() ?? '';
}

function detailOf(work: () => unknown): string | undefined {
  try {
    work();
  } catch (error) {
    return hasCode(error, 'delivery_failed') ? LeaseholdError.from(error).detail : 'another error';
  }
  return undefined;
}

describe('renderFiles', () => {
  it('renders each format', () => {
    expect(render({ format: 'raw', secret: 'login', field: 'user' })).toBe('jane');
    expect(render({ format: 'json', secret: 'login' })).toBe('{"password":"it\'s \\"1\\"","user":"jane"}\n');
    expect(render({ format: 'dotenv', secret: 'login' })).toBe(`password='it'\\''s "1"'\nuser='jane'\n`);
    expect(render({ format: 'template', template: 'u={{ login.user }}' })).toBe('u=jane');
  });

  it('names file and rule, and no value, when a file cannot be made', () => {
    expect(detailOf(() => render({ format: 'raw', secret: 'other', field: 'user' }))).toBe(
      'file f: the bundle has no such secret',
    );
    expect(detailOf(() => render({ format: 'raw', secret: 'login', field: 'none' }))).toBe(
      'file f: the secret has no such field',
    );
    expect(detailOf(() => render({ format: 'template', template: '{{ login.none }}' }))).toBe(
      'file f: template line 1, column 1: there is no such secret or field',
    );
    expect(detailOf(() => render({ format: 'template', template: '{{' }))).toContain(
      'file f: template line 1',
    );
  });

  it('refuses bytes that json cannot hold', () => {
    const binary = new Map([['login', new Map([['k', Buffer.from([0xff])]])]]);
    expect(detailOf(() => render({ format: 'json', secret: 'login' }, binary))).toContain('not UTF-8');
  });

  it('keeps a field named like a property of every object', () => {
    const odd = new Map([['login', new Map([['__proto__', Buffer.from('v')]])]]);
    expect(render({ format: 'json', secret: 'login' }, odd)).toBe('{"__proto__":"v"}\n');
  });
});

describe('renderDotenv', () => {
  it('refuses names and values that no shell variable can have', () => {
    expect(detailOf(() => renderDotenv(new Map([['api-key', Buffer.from('x')]])))).toContain('variable name');
    expect(detailOf(() => renderDotenv(new Map([['a\nb', Buffer.from('x')]])))).toContain('variable name');
    expect(detailOf(() => renderDotenv(new Map([['a', Buffer.from('x\0y')]])))).toContain('NUL');
  });

  it('is read back unchanged by a real shell, whatever the value is', async () => {
    await using folder = await createMemoryFolder();
    const path = join(folder.path, 'values.env');
    const value = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc
        .array(fc.constantFrom(`'`, '"', '\\', '$', '`', '\n', '$(id)', ' ', '#', '!', '~', ';', '\r'))
        .map((all) => all.join('')),
    );
    await fc.assert(
      fc.asyncProperty(
        value.filter((text) => !text.includes('\0') && text.isWellFormed()),
        async (text) => {
          await writeFile(path, renderDotenv(new Map([['LEASEHOLD_V', Buffer.from(text)]])));
          const script = `set -a; . "${path}"; printf %s "$LEASEHOLD_V" > "${path}.out"`;
          execFileSync('/bin/sh', ['-c', script], { env: {} });
          expect(await readFile(`${path}.out`, 'utf8')).toBe(text);
        },
      ),
      { numRuns: 60 },
    );
  });
});
