import { lstat, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeFileAtomically } from '../../../src/platform/atomic-file.ts';
import { createTempFolder } from '../../support/temp-folder.ts';

describe('writeFileAtomically', () => {
  it('leaves nothing behind when it cannot replace the target', async () => {
    await using folder = await createTempFolder();
    await mkdir(join(folder.path, 'target'));
    await expect(
      writeFileAtomically({ path: join(folder.path, 'target'), data: 'x', mode: 0o600 }),
    ).rejects.toThrow();
    expect(await readdir(folder.path)).toEqual(['target']);
  });

  it('replaces a symbolic link instead of writing through it', async () => {
    await using folder = await createTempFolder();
    const outside = join(folder.path, 'outside');
    await writeFile(outside, 'untouched');
    await symlink(outside, join(folder.path, 'target'));
    await writeFileAtomically({ path: join(folder.path, 'target'), data: 'new', mode: 0o600 });
    expect(await readFile(outside, 'utf8')).toBe('untouched');
    expect((await lstat(join(folder.path, 'target'))).isFile()).toBe(true);
  });

  it('writes the content with exactly the given mode', async () => {
    await using folder = await createTempFolder();
    const path = join(folder.path, 'file');
    await writeFile(path, 'old', { mode: 0o644 });
    await writeFileAtomically({ path, data: 'new', mode: 0o440 });
    expect(await readFile(path, 'utf8')).toBe('new');
    expect((await lstat(path)).mode & 0o777).toBe(0o440);
    expect(await readdir(folder.path)).toEqual(['file']);
  });
});
