import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rightOf } from '../../src/rpc/admin-access.ts';

const proto = readFileSync(
  join(import.meta.dirname, '..', '..', 'proto', 'leasehold', 'v1', 'admin.proto'),
  'utf8',
);
const methods = [...proto.matchAll(/^\s+rpc (\w+)\(/gm)].map(([, method = '']) => method);

/** What each right is for (design: view; revoke and lock; settle). A method that changes anything is not a matter of view. */
const onlyReads = /^(List|Get|Watch|Explain)/;

describe('the rights of administrators', () => {
  it('name every method of the API, and nothing else', () => {
    expect(methods.length).toBeGreaterThan(5);
    expect(Object.keys(rightOf).sort()).toEqual([...methods].sort());
  });

  it('let nobody who may only look change anything', () => {
    const viewed = Object.entries(rightOf)
      .filter(([, right]) => right === 'view')
      .map(([method]) => method);
    expect(viewed.filter((method) => !onlyReads.test(method))).toEqual([]);
  });

  it('ask for no more than view where a method only reads', () => {
    const reading = Object.entries(rightOf).filter(([method]) => onlyReads.test(method));
    expect(reading.filter(([, right]) => right !== 'view')).toEqual([]);
  });
});
