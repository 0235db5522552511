import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { delivererIn, order } from '../../unit/sidecar/deliver/orders.ts';
import { createMemoryFolder } from '../../unit/sidecar/memory-folder.ts';

const script = (name: string) => join(import.meta.dirname, name);
const isRoot = process.geteuid?.() === 0;

/** A user of no rights in the group that the volume is shared by. */
const asPod = ['--reuid=65532', '--regid=65532', '--groups=5000', '--inh-caps=-all', '--bounding-set=-all'];

/** Some machines keep the checkout, or the runtime, where no other user may read. */
function mayRunAsPod(): boolean {
  return (
    isRoot &&
    spawnSync('setpriv', [...asPod, process.execPath, '--check', script('deliver-as-pod.ts')]).status === 0
  );
}

async function runToEnd(file: string, ...parameters: string[]): Promise<NodeJS.Signals | number> {
  const child = spawn(process.execPath, [script(file), ...parameters], { stdio: 'inherit' });
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  return signal ?? code ?? -1;
}

async function marks(folder: string): Promise<string[]> {
  return Promise.all(
    ['..data/user', '..data/deep/er/password', '..data/generation'].map((name) =>
      readFile(join(folder, name), 'utf8'),
    ),
  );
}

describe('a deliverer that is killed', () => {
  it('before any one of its calls leaves a whole generation, which the next process takes up and cleans', async () => {
    for (let step = 1; ; step += 1) {
      await using home = await createMemoryFolder();
      const target = join(home.path, 't');
      const folder = join(target, 'db');
      await delivererIn(target).deliver(order('1'));
      const ending = await runToEnd('deliver-and-die.ts', target, String(step));
      if (ending === 0) {
        expect(step).toBeGreaterThan(20);
        break;
      }
      expect(ending).toBe('SIGKILL');
      const found = await marks(folder);
      const mark = found[2] === '1 gen-1\n' ? '1' : '2';
      expect(found, `killed before call ${step}`).toEqual([
        `user-${mark}`,
        `password-${mark}`,
        `${mark} gen-${mark}\n`,
      ]);

      const kept = await delivererIn(target).recover();
      expect(kept?.generation.id).toBe(`gen-${mark}`);
      expect((await readdir(folder)).filter((name) => name.startsWith('..'))).toHaveLength(2);
      await delivererIn(target).deliver(order('3', { number: 3, unchanged: ['fixed'] }));
      expect(await marks(folder)).toEqual(['user-3', 'password-3', '3 gen-3\n']);
    }
  });
});

describe('a reader in another process', () => {
  it('sees one whole generation or another through hundreds of switches', async () => {
    await using home = await createMemoryFolder();
    const target = join(home.path, 't');
    const deliverer = delivererIn(target);
    await deliverer.deliver(order('0'));
    const reader = spawn(process.execPath, [script('read-for-ever.ts'), join(target, 'db')]);
    const output: string[] = [];
    reader.stdout.setEncoding('utf8').on('data', (text: string) => output.push(text));
    await once(reader.stdout, 'data');
    for (let number = 1; number <= 300; number += 1)
      await deliverer.deliver(order(String(number), { number }));
    reader.stdin.end();
    // Not `exit`: after that there may be more of its output.
    const [code] = (await once(reader, 'close')) as [number | null];
    expect(code).toBe(0);
    expect(Number(output.join('').split('\n').at(-2))).toBeGreaterThan(1);
  });
});

describe.runIf(isRoot)('a memory filesystem of its own', () => {
  async function mounted(size: string, mode: string, work: (target: string) => Promise<void>): Promise<void> {
    await using home = await createMemoryFolder();
    const target = join(home.path, 'mount');
    await chmod(home.path, 0o755);
    await mkdir(target);
    // As the kubelet mounts a volume: for everybody, which only a mount of its own may be.
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=${mode}`, 'tmpfs', target]);
    try {
      await work(target);
    } finally {
      execFileSync('umount', [target]);
    }
  }

  it('may be writable for everybody', () =>
    mounted('1m', '0777', async (target) => {
      await delivererIn(target).deliver(order('1'));
      expect(await marks(join(target, 'db'))).toEqual(['user-1', 'password-1', '1 gen-1\n']);
    }));

  it.runIf(mayRunAsPod())('shared by a group, as in a pod, has files that the group may read', () =>
    mounted('1m,gid=5000', '2777', async (target) => {
      const output = execFileSync('setpriv', [
        ...asPod,
        process.execPath,
        script('deliver-as-pod.ts'),
        target,
      ]);
      expect(output.toString().split('\n')).toEqual(['changed', 'unchanged', 'delivery_failed', '']);
      expect(await stat(join(target, 'db/user'))).toMatchObject({ uid: 65_532, gid: 5_000 });
      expect(await stat(join(target, 'db/..data/..raw'))).toMatchObject({ uid: 65_532 });
      expect(await marks(join(target, 'db'))).toEqual(['user-1', 'password-1', '1 gen-1\n']);
    }),
  );

  it('that is full leaves the generation before, nothing half, and works again with less', () =>
    mounted('96k', '0777', async (target) => {
      const deliverer = delivererIn(target);
      const folder = join(target, 'db');
      await deliverer.deliver(order('1'));
      const before = await readdir(folder);
      await expect(deliverer.deliver(order('2'.repeat(90_000), { number: 2 }))).rejects.toMatchObject({
        code: 'delivery_no_space',
      });
      expect(await marks(folder)).toEqual(['user-1', 'password-1', '1 gen-1\n']);
      expect(await readdir(folder)).toEqual(before);
      await deliverer.deliver(order('3', { number: 3 }));
      expect(await marks(folder)).toEqual(['user-3', 'password-3', '3 gen-3\n']);
    }));

  it('that has become read-only leaves the generation before and says delivery_failed', () =>
    mounted('1m', '0777', async (target) => {
      await delivererIn(target).deliver(order('1'));
      execFileSync('mount', ['-o', 'remount,ro', target]);
      await expect(delivererIn(target).deliver(order('2', { number: 2 }))).rejects.toMatchObject({
        code: 'delivery_failed',
      });
      await expect(delivererIn(target).wipe()).rejects.toMatchObject({ code: 'delivery_failed' });
      expect(await marks(join(target, 'db'))).toEqual(['user-1', 'password-1', '1 gen-1\n']);
    }));
});
