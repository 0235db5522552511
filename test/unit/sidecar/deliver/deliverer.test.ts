import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMemoryFolder } from '../memory-folder.ts';
import { defaultFiles, delivererIn, order } from './orders.ts';

const isRoot = process.geteuid?.() === 0;
const unsafe = expect.objectContaining({ code: 'delivery_unsafe' }) as unknown;

let home: Awaited<ReturnType<typeof createMemoryFolder>>;
let target: string;
let folder: string;

beforeEach(async () => {
  home = await createMemoryFolder();
  target = join(home.path, 'target');
  folder = join(target, 'db');
});
afterEach(() => home[Symbol.asyncDispose]());

const text = (path: string) => readFile(join(folder, path), 'utf8');

/** Everything in the folder but the generation's own name, with the inode and mtime of what the names lead to. */
async function picture() {
  const names = (await readdir(folder)).sort();
  return Promise.all(
    names.map(async (name) => {
      const { ino, mtimeMs, mode } = await stat(join(folder, name));
      return { name, ino, mtimeMs, mode };
    }),
  );
}

describe('refusing a target', () => {
  it('that is on a disk, unless that is allowed', async () => {
    const disk = await mkdtemp(join(tmpdir(), 'leasehold-test-'));
    try {
      await expect(delivererIn(join(disk, 't')).deliver(order('1'))).rejects.toMatchObject({
        code: 'delivery_not_memory',
      });
      expect(await readdir(join(disk, 't'))).toEqual([]);
      await delivererIn(join(disk, 't'), { allowDisk: true }).deliver(order('1'));
      expect(await readFile(join(disk, 't/db/user'), 'utf8')).toBe('user-1');
    } finally {
      await rm(disk, { recursive: true });
    }
  });

  it('that is a symbolic link, or lies behind one', async () => {
    await mkdir(join(home.path, 'real'));
    await symlink('real', target);
    await expect(delivererIn(target).deliver(order('1'))).rejects.toEqual(unsafe);
    await expect(delivererIn(join(target, 'below')).deliver(order('1'))).rejects.toEqual(unsafe);
    expect(await readdir(join(home.path, 'real'))).toEqual([]);
  });

  it('that others may write to, or whose parent others may write to', async () => {
    await mkdir(target);
    await chmod(target, 0o777);
    await expect(delivererIn(target).deliver(order('1'))).rejects.toEqual(unsafe);
    await expect(delivererIn(join(target, 'below')).deliver(order('1'))).rejects.toEqual(unsafe);
    await chmod(target, 0o1777);
    await delivererIn(target).deliver(order('1'));
    expect(await text('user')).toBe('user-1');
  });

  it.runIf(isRoot)('that belongs to somebody else', async () => {
    await mkdir(target);
    await chown(target, 4_242, 4_242);
    await expect(delivererIn(target).deliver(order('1'))).rejects.toEqual(unsafe);
  });

  it('whose bundle folder is a planted link, and touches nothing behind it', async () => {
    await mkdir(target);
    await mkdir(join(home.path, 'victim'));
    await symlink(join(home.path, 'victim'), folder);
    await expect(delivererIn(target).deliver(order('1'))).rejects.toEqual(unsafe);
    await expect(delivererIn(target).wipe()).rejects.toEqual(unsafe);
    expect(await readdir(join(home.path, 'victim'))).toEqual([]);
  });

  it.runIf(isRoot)('whose bundle folder was planted by another user', async () => {
    await mkdir(folder, { recursive: true });
    await chown(folder, 4_242, 4_242);
    await expect(delivererIn(target).deliver(order('1'))).rejects.toEqual(unsafe);
    expect(await readdir(folder)).toEqual([]);
  });

  it('that holds a file of somebody under a name that is needed', async () => {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'user'), 'mine');
    await expect(delivererIn(target).deliver(order('1'))).rejects.toEqual(unsafe);
    expect(await readdir(folder)).toEqual(['user']);
    expect(await text('user')).toBe('mine');
  });

  it('and replaces, without following it, a link planted under such a name', async () => {
    await mkdir(folder, { recursive: true });
    await writeFile(join(home.path, 'victim'), 'mine');
    await symlink(join(home.path, 'victim'), join(folder, 'user'));
    await symlink(home.path, join(folder, '..data'));
    await delivererIn(target).deliver(order('1'));
    expect(await text('user')).toBe('user-1');
    expect(await readFile(join(home.path, 'victim'), 'utf8')).toBe('mine');
  });
});

describe('a delivery', () => {
  it('shows files through one link, with exact modes, and keeps raw values closed', async () => {
    await delivererIn(target).deliver(order('1'));
    expect((await readdir(folder)).filter((name) => !name.startsWith('..')).sort()).toEqual([
      'ca',
      'deep',
      'generation',
      'user',
    ]);
    expect(await text('deep/er/password')).toBe('password-1');
    expect((await stat(join(folder, 'user'))).mode & 0o7777).toBe(0o440);
    expect((await stat(join(folder, 'deep/er/password'))).mode & 0o7777).toBe(0o400);
    expect((await stat(join(folder, '..data'))).mode & 0o777).toBe(0o755);
    expect((await stat(join(folder, '..data/..raw'))).mode & 0o777).toBe(0o700);
    expect((await stat(join(folder, '..data/..raw/state.json'))).mode & 0o777).toBe(0o600);
  });

  it.runIf(isRoot)('gives files to the owner that the layout names', async () => {
    const [first, ...rest] = defaultFiles;
    if (first === undefined) throw new Error('no file');
    await delivererIn(target).deliver(order('1', { files: [{ ...first, uid: 4_242, gid: 4_343 }, ...rest] }));
    expect(await stat(join(folder, 'user'))).toMatchObject({ uid: 4_242, gid: 4_343 });
  });

  it('hands the shared group of a set-group-id target down', async () => {
    await mkdir(target);
    await chmod(target, 0o2755);
    await delivererIn(target).deliver(order('1'));
    expect((await stat(join(folder, '..data/deep'))).mode & 0o2000).toBe(0o2000);
  });

  it('that changes nothing touches nothing, not even a time', async () => {
    const deliverer = delivererIn(target);
    await deliverer.deliver(order('1'));
    const before = await picture();
    const again = { ...order('1', { number: 2 }), generation: { id: 'gen-2', number: 2 } };
    expect(await deliverer.deliver(again)).toMatchObject({ outcome: 'unchanged' });
    expect(await picture()).toEqual(before);
    expect((await delivererIn(target).recover())?.generation).toEqual({ id: 'gen-2', number: 2 });
  });

  it('leaves the inode and time of each file that stays the same', async () => {
    const deliverer = delivererIn(target);
    await deliverer.deliver(order('1'));
    const before = await stat(join(folder, 'ca'));
    await deliverer.deliver(order('2', { number: 2 }));
    expect(await stat(join(folder, 'ca'))).toMatchObject({ ino: before.ino, mtimeMs: before.mtimeMs });
    expect(await text('user')).toBe('user-2');
    expect(await text('generation')).toBe('2 gen-2\n');
  });

  it('writes a file again that somebody has changed, or whose mode is another now', async () => {
    const deliverer = delivererIn(target);
    await deliverer.deliver(order('1'));
    await chmod(join(folder, 'ca'), 0o640);
    await writeFile(join(folder, 'ca'), 'tampered with!!');
    expect(await deliverer.deliver(order('1'))).toMatchObject({ outcome: 'changed' });
    expect(await text('ca')).toBe('the same in all');
    expect((await stat(join(folder, 'ca'))).mode & 0o777).toBe(0o440);
  });

  it('removes the generation before, and names that are no longer in the layout', async () => {
    const deliverer = delivererIn(target);
    await deliverer.deliver(order('1'));
    await deliverer.deliver(order('2', { number: 2, files: defaultFiles.slice(0, 1) }));
    const names = await readdir(folder);
    expect(names.filter((name) => /^\.\.[0-9]/.test(name))).toHaveLength(1);
    expect(names).not.toContain('deep');
    expect(names).not.toContain('ca');
  });

  it('renders unchanged secrets from what the one before kept, also in another process', async () => {
    await delivererIn(target).deliver(order('1'));
    await delivererIn(target).deliver(order('2', { number: 2, unchanged: ['login'] }));
    expect(await text('user')).toBe('user-1');
    const other = delivererIn(join(home.path, 'other'));
    expect(await other.deliver(order('2', { unchanged: ['login'] }))).toMatchObject({
      outcome: 'incomplete',
    });
  });
});

describe('wipe', () => {
  it('removes everything that was delivered and leaves what was not', async () => {
    const deliverer = delivererIn(target);
    await deliverer.deliver(order('1'));
    await writeFile(join(folder, 'notes'), 'mine');
    await deliverer.wipe();
    expect(await readdir(folder)).toEqual(['notes']);
    await deliverer.wipe();
  });
});

describe('recover', () => {
  it('gives back session and generation of what stands, and sweeps what does not belong', async () => {
    await delivererIn(target).deliver(order('1'));
    await mkdir(join(folder, '..9_00000000000000aa/x'), { recursive: true });
    await symlink('..data/gone', join(folder, 'gone'));
    const kept = await delivererIn(target).recover();
    expect(kept).toMatchObject({
      session: 'ses_aaaaaaaaaaaaaaaaaaaaaaaaaa',
      generation: { id: 'gen-1', number: 1 },
    });
    expect(await readdir(folder)).not.toContain('gone');
    expect(await readdir(folder)).not.toContain('..9_00000000000000aa');
    expect(await text('user')).toBe('user-1');
  });

  it.each([
    ['a file was changed', async () => chmod(join(folder, 'ca'), 0o600)],
    ['a file is missing', async () => rm(join(folder, '..data/user'))],
    [
      'the kept state is torn',
      async () => writeFile(join(folder, '..data/..raw/state.json'), '{"version":1'),
    ],
    ['the kept state is gone', async () => rm(join(folder, '..data/..raw'), { recursive: true })],
  ])('counts as lost, and removes, what is there when %s', async (_, damage) => {
    await delivererIn(target).deliver(order('1'));
    await damage();
    expect(await delivererIn(target).recover()).toBeUndefined();
    expect(await readdir(folder)).toEqual([]);
  });

  it('finds nothing in a new folder', async () => {
    expect(await delivererIn(target).recover()).toBeUndefined();
    expect((await lstat(folder)).mode & 0o777).toBe(0o755);
  });
});
