import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type FileSystem, nodeFileSystem } from '../../../../sidecar/deliver/file-system.ts';
import { createMemoryFolder } from '../memory-folder.ts';
import { delivererIn, order } from './orders.ts';

/** Fails the call with this number, and says whether there was one. */
function failingAt(
  step: number,
  errno: string,
): { readonly fileSystem: FileSystem; readonly reached: () => boolean } {
  let calls = 0;
  const fileSystem = new Proxy<FileSystem>(nodeFileSystem, {
    get: (real, name: keyof FileSystem): unknown => {
      const call: unknown = Reflect.get(real, name);
      return (...parameters: unknown[]): unknown => {
        calls += 1;
        if (calls === step) return Promise.reject(Object.assign(new Error('made up'), { code: errno }));
        return typeof call === 'function' ? Reflect.apply(call, real, parameters) : undefined;
      };
    },
  });
  return { fileSystem, reached: () => calls >= step };
}

async function visible(folder: string): Promise<string[]> {
  const data = join(folder, '..data');
  return [
    await readFile(join(data, 'user'), 'utf8'),
    await readFile(join(data, 'deep/er/password'), 'utf8'),
    await readFile(join(data, 'generation'), 'utf8'),
  ];
}

const first = ['user-1', 'password-1', '1 gen-1\n'];
const second = ['user-2', 'password-2', '2 gen-2\n'];

describe('a delivery that fails at any one of its calls', () => {
  it.each([
    ['ENOSPC', 'delivery_no_space'],
    ['EROFS', 'delivery_failed'],
    ['EIO', 'delivery_failed'],
  ])(
    'with %s leaves the whole generation before, says %s, and the next one succeeds',
    async (errno, code) => {
      let step = 1;
      for (; ; step += 1) {
        await using home = await createMemoryFolder();
        const target = join(home.path, 't');
        const folder = join(target, 'db');
        await delivererIn(target).deliver(order('1'));
        const { fileSystem, reached } = failingAt(step, errno);
        const failure: unknown = await delivererIn(target, { fileSystem })
          .deliver(order('2', { number: 2 }))
          .catch((error: unknown) => error);
        if (!reached()) break;
        const isAfterSwitch = !(failure instanceof Error);
        expect(await visible(folder), `step ${step}`).toEqual(isAfterSwitch ? second : first);
        if (!isAfterSwitch) expect(failure, `step ${step}`).toMatchObject({ code });
        await delivererIn(target).deliver(order('2', { number: 2 }));
        expect(await visible(folder)).toEqual(second);
        expect(
          (await readdir(folder)).filter((name) => name.startsWith('..')),
          `step ${step}`,
        ).toHaveLength(2);
      }
      expect(step).toBeGreaterThan(20);
    },
  );
});
