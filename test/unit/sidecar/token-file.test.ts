import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readTokenFile } from '../../../sidecar/token-file.ts';
import { createMemoryFolder } from './memory-folder.ts';

describe('readTokenFile', () => {
  it('refuses a file that is missing, empty, too large, a folder or a silent pipe', async () => {
    await using folder = await createMemoryFolder();
    const path = (name: string) => join(folder.path, name);
    await writeFile(path('empty'), '\n');
    await writeFile(path('large'), 'x'.repeat(16_385));
    execFileSync('mkfifo', [path('pipe')]);
    const codes = await Promise.all(
      ['missing', 'empty', 'large', '', 'pipe'].map((name) =>
        readTokenFile(path(name)).then(
          () => 'none',
          (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
        ),
      ),
    );
    expect(codes).toEqual([
      'credential_missing',
      'credential_missing',
      'credential_malformed',
      'credential_missing',
      'credential_missing',
    ]);
  });

  it('reads the token without the white space around it and tells a new one from an old one', async () => {
    await using folder = await createMemoryFolder();
    const path = join(folder.path, 'token');
    await writeFile(path, ' a.b.c \n');
    const first = await readTokenFile(path);
    expect(Buffer.from(first.token.open()).toString()).toBe('a.b.c');
    await writeFile(path, 'a.b.c');
    expect((await readTokenFile(path)).digest).toBe(first.digest);
    await writeFile(path, 'a.b.d');
    expect((await readTokenFile(path)).digest).not.toBe(first.digest);
  });
});
