import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');

function trackedFiles(): readonly string[] {
  return execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' })
    .split('\0')
    .filter((path) => path !== '' && !/(^|\/)(package-lock\.json|go\.sum|go\.mod)$/.test(path));
}

function linesMatching(pattern: RegExp, files: readonly string[]): readonly string[] {
  return files.flatMap((path) => {
    let text: string;
    try {
      text = readFileSync(join(root, path), 'utf8');
    } catch {
      // Deleted in the working tree but not yet in the index.
      return [];
    }
    return text.split('\n').flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}`] : []));
  });
}

describe('the repository', () => {
  const files = trackedFiles();
  const code = files.filter((path) => path.endsWith('.ts') && path !== 'test/guards/repository.test.ts');

  it('switches no check off', () => {
    expect(linesMatching(/eslint-disable|@ts-(ignore|nocheck|expect-error)|\bas any\b/, code)).toEqual([]);
  });

  it('leaves no test alone or left out by hand', () => {
    expect(linesMatching(/\b(it|test|describe)\.only\(/, code)).toEqual([]);
  });

  it('leaves no mark for later', () => {
    expect(linesMatching(/\b(TODO|FIXME|XXX)\b/, code)).toEqual([]);
  });

  it('has no file over four hundred lines among its sources', () => {
    const long = code
      .filter((path) => /^(src|sidecar)\//.test(path) && !path.startsWith('src/rpc/gen/'))
      .filter((path) => {
        try {
          return readFileSync(join(root, path), 'utf8').split('\n').length > 400;
        } catch {
          return false;
        }
      });
    expect(long).toEqual([]);
  });
});
