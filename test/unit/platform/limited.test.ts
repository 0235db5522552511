import { expect, it } from 'vitest';
import { createLimited } from '../../../src/platform/limited.ts';

it('does no more at a time than it may, in order, whatever becomes of one', async () => {
  const limited = createLimited(2);
  const begun: number[] = [];
  const ends: PromiseWithResolvers<number>[] = [];
  const all = Array.from({ length: 5 }, (_, index) =>
    limited(() => {
      begun.push(index);
      return (ends[index] = Promise.withResolvers<number>()).promise;
    }),
  );
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  await settled();
  expect(begun).toEqual([0, 1]);
  ends[1]?.reject(new Error('one fails'));
  await expect(all[1]).rejects.toThrow('one fails');
  await settled();
  expect(begun).toEqual([0, 1, 2]);
  for (const index of [0, 2]) ends[index]?.resolve(index);
  await settled();
  expect(begun).toEqual([0, 1, 2, 3, 4]);
  for (const index of [3, 4]) ends[index]?.resolve(index);
  expect(await Promise.all(all.filter((_, index) => index !== 1))).toEqual([0, 2, 3, 4]);
  // It is as free as at the beginning.
  expect(await limited(() => Promise.resolve('more'))).toBe('more');
});
