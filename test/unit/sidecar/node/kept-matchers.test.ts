import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { decodeMatchers, encodeMatchers, keepMatchers } from '../../../../sidecar/node/kept-matchers.ts';
import { LeaseholdError } from '../../../../src/platform/error.ts';
import { silentLog } from '../../../../src/platform/log.ts';
import type { RunMatcher } from '../../../../src/platform/run-matchers.ts';
import { decodeRunMatchers } from '../../../../src/rpc/client/fetch-matchers.ts';
import { loadRunApi } from '../../../../src/rpc/proto.ts';
import { createTempFolder } from '../../../support/temp-folder.ts';
import { createManualClock } from '../../backend/manual-clock.ts';

const text = fc.string({ unit: 'grapheme' }).filter((value) => value.isWellFormed());
const list = fc.array(text, { maxLength: 4 });
const lists = { users: list, groups: list, partitions: list, accounts: list, qos: list, nodes: list };
const matcher = fc.record(
  { ...lists, array: fc.boolean() },
  { requiredKeys: ['users', 'groups', 'partitions', 'accounts', 'qos', 'nodes'] },
);
const gpu: RunMatcher = { users: [], groups: [], partitions: ['gpu'], accounts: [], qos: [], nodes: [] };
const job = {
  user: 'kim',
  group: undefined,
  partition: 'cpu',
  account: undefined,
  qos: undefined,
  nodes: ['n1'],
  isArrayTask: undefined,
  requested: [],
};

describe('the matchers that a node keeps', () => {
  it('are what the definition of the interface writes', () => {
    const { responseSerialize } = loadRunApi().leasehold.v1.RunService.service.GetRunMatchers;
    fc.assert(
      fc.property(fc.array(matcher, { maxLength: 4 }), text, (matchers, grant) => {
        const sent = { policyRevision: 'r', matchers: matchers.map((one) => ({ ...one, grant })) };
        expect(decodeRunMatchers(responseSerialize(sent))).toEqual(matchers);
      }),
    );
  });

  it('are read as they were written, and anything else is none', () => {
    fc.assert(
      fc.property(fc.array(matcher, { maxLength: 4 }), fc.nat(), (matchers, received) => {
        const written = encodeMatchers({ received, matchers });
        expect(decodeMatchers(Buffer.from(written))).toEqual({ received, matchers });
        expect(decodeMatchers(Buffer.from(written.slice(0, -3)))).toBeUndefined();
      }),
    );
    for (const other of [
      { ...gpu, qos: [1] },
      { ...gpu, users: undefined },
      { ...gpu, nodes: [1] },
      { ...gpu, array: 1 },
      'gpu',
      null,
    ])
      expect(
        decodeMatchers(Buffer.from(JSON.stringify({ version: 1, received: 1, matchers: [other] }))),
      ).toBeUndefined();
  });

  it('of an earlier version, without nodes and arrays, match more', () => {
    const { nodes, ...earlier } = gpu;
    const text = JSON.stringify({ version: 1, received: 1, matchers: [earlier] });
    expect(nodes).toEqual([]);
    expect(decodeMatchers(Buffer.from(text))).toEqual({ received: 1, matchers: [gpu] });
  });

  it('tell nothing before a broker has, after a week, and of another clock', async () => {
    await using folder = await createTempFolder({ name: 'matchers' });
    const clock = createManualClock();
    let answer: () => Promise<readonly RunMatcher[]> = () =>
      Promise.reject(new LeaseholdError('broker_unavailable'));
    await using kept = keepMatchers({
      root: folder.path,
      fetch: () => answer(),
      clock,
      random: () => 0.5,
      log: silentLog,
    });
    expect(await kept.mayNeed(job)).toBeUndefined();
    answer = async () => [gpu];
    const file = join(folder.path, 'matchers.json');
    await vi.waitFor(() => {
      clock.advance(5_000);
      expect(existsSync(file)).toBe(true);
    });
    expect(await kept.mayNeed(job)).toBe(false);
    expect(await kept.mayNeed({ ...job, partition: 'gpu' })).toBe(true);
    expect(await kept.mayNeed({ ...job, partition: undefined })).toBe(true);
    expect(await kept.mayNeed({ ...job, requested: ['db'] })).toBe(true);
    const days = 86_400_000;
    for (const received of [clock.now() - 8 * days, clock.now() + 8 * days]) {
      await writeFile(file, encodeMatchers({ received, matchers: [gpu] }));
      expect(await kept.mayNeed(job)).toBeUndefined();
    }
  });
});
