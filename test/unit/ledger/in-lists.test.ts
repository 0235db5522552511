import { expect, it } from 'vitest';
import { inLists } from '../../../src/ledger/postgres/in-lists.ts';

it('calls at once for the first, and in one list for all that come meanwhile', async () => {
  const calls: (readonly string[])[] = [];
  const gates = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
  const tell = inLists<string>(async (items) => {
    calls.push(items);
    await gates[calls.length - 1]?.promise;
  });
  const first = tell('a');
  await Promise.resolve();
  const others = [tell('b'), tell('c')];
  expect(calls).toEqual([['a']]);
  gates[0]?.resolve(undefined);
  await first;
  gates[1]?.resolve(undefined);
  await Promise.all(others);
  expect(calls).toEqual([['a'], ['b', 'c']]);
});

it('fails those that were in the call that failed, and nobody after them', async () => {
  let fails = true;
  const tell = inLists<string>(async () => {
    await Promise.resolve();
    if (fails) throw new Error('no connection');
  });
  const both = await Promise.allSettled([tell('a'), tell('b')]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  fails = false;
  await tell('c');
});
