import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { keepMatchers } from '../../../../sidecar/node/kept-matchers.ts';
import { LeaseholdError } from '../../../../src/platform/error.ts';
import { createLog } from '../../../../src/platform/log.ts';
import { decodeRunMatchers } from '../../../../src/rpc/client/fetch-matchers.ts';
import { encodeSigned, type MatchersAnswer } from '../../../../src/rpc/client/signed-matchers.ts';
import { loadRunApi } from '../../../../src/rpc/proto.ts';
import { createAgelessCa, signedMatchers } from '../../../support/signed-matchers.ts';
import { createTempFolder } from '../../../support/temp-folder.ts';
import { createManualClock } from '../../backend/manual-clock.ts';

const text = fc.string({ unit: 'grapheme' }).filter((value) => value.isWellFormed());
const list = fc.array(text, { maxLength: 4 });
const lists = { users: list, groups: list, partitions: list, accounts: list, qos: list, nodes: list };
const matcher = fc.record(
  { ...lists, array: fc.boolean() },
  { requiredKeys: ['users', 'groups', 'partitions', 'accounts', 'qos', 'nodes'] },
);
const gpu = { users: [], groups: [], partitions: ['gpu'], accounts: [], qos: [], nodes: [] };
const facts = {
  user: 'kim',
  group: undefined,
  partition: 'cpu',
  account: undefined,
  qos: undefined,
  nodes: ['n1'],
  isArrayTask: undefined,
  requested: [],
};
const job = { cluster: 'hpc', facts };
const ofGpu = { cluster: 'hpc', facts: { ...facts, partition: 'gpu' } };
const days = 86_400_000;

/** What a node keeps, of brokers that answer as a test says. */
async function createKept() {
  const folder = await createTempFolder({ name: 'matchers' });
  onTestFinished(() => folder[Symbol.asyncDispose]());
  const clock = createManualClock();
  const ca = createAgelessCa();
  const file = join(folder.path, 'matchers.json');
  const logged: string[] = [];
  const sign = (changes: Partial<Parameters<typeof signedMatchers>[0]> = {}) =>
    signedMatchers({ ca, cluster: 'hpc', issuedAt: clock.now(), matchers: [gpu], ...changes });
  let answer = (): Promise<MatchersAnswer> => Promise.reject(new LeaseholdError('broker_unavailable'));
  let asked = 0;
  let trusted = ca;
  const start = () =>
    keepMatchers({
      root: folder.path,
      fetch: async (_signal, accept) => {
        asked += 1;
        return accept(await answer());
      },
      trust: () => Promise.resolve({ ca: Buffer.from(trusted.certificate), names: ['localhost'] }),
      cluster: () => 'hpc',
      clock,
      random: () => 0.5,
      log: createLog({
        level: 'debug',
        name: 'node-agent',
        destination: { write: (line) => void logged.push(line) },
      }),
    });
  const kept = start();
  onTestFinished(() => kept[Symbol.asyncDispose]());
  return {
    kept,
    clock,
    file,
    sign,
    answer: (next: MatchersAnswer) => (answer = () => Promise.resolve(next)),
    trust: (next: typeof ca) => (trusted = next),
    logged: (words: string) => logged.filter((line) => line.includes(words)).length,
    /** Until it has asked once more, and has what came of it. */
    renew: async () => {
      const before = asked;
      const lines = logged.length;
      await vi.waitFor(() => {
        kept.ask();
        clock.advance(5_000);
        expect(asked).toBeGreaterThan(before);
        expect(logged.length).toBeGreaterThan(lines);
      });
    },
    /** The next process. */
    restart: () => {
      const next = start();
      onTestFinished(() => next[Symbol.asyncDispose]());
      return next;
    },
  };
}

describe('the matchers that a node keeps', () => {
  it('are what the definition of the interface writes', () => {
    const { responseSerialize } = loadRunApi().leasehold.v1.RunService.service.GetRunMatchers;
    const bytes = fc.uint8Array({ minLength: 1 }).map((value) => Buffer.from(value));
    const signed = fc.record({ set: bytes, signature: bytes, certificates: fc.array(bytes) });
    fc.assert(
      fc.property(
        fc.array(matcher, { maxLength: 4 }),
        text,
        fc.option(signed, { nil: undefined }),
        (matchers, grant, signed) => {
          const sent = { policyRevision: 'r', matchers: matchers.map((one) => ({ ...one, grant })) };
          const found = decodeRunMatchers(responseSerialize({ ...sent, ...(signed && { signed }) }));
          expect(found.matchers).toEqual(matchers);
          const buffers = found.signed && {
            set: Buffer.from(found.signed.set),
            signature: Buffer.from(found.signed.signature),
            certificates: found.signed.certificates.map((one) => Buffer.from(one)),
          };
          expect(buffers).toEqual(signed);
        },
      ),
    );
  });

  it('tell nothing before a broker has, after a week, and from the future', async () => {
    const { kept, clock, file, sign, ...node } = await createKept();
    expect(await kept.mayNeed(job)).toBeUndefined();
    node.answer({ signed: sign(), matchers: [] });
    await node.renew();
    expect(await kept.mayNeed(job)).toBe(false);
    expect(await kept.mayNeed(ofGpu)).toBe(true);
    expect(await kept.mayNeed({ ...job, facts: { ...facts, partition: undefined } })).toBe(true);
    expect(await kept.mayNeed({ ...job, facts: { ...facts, requested: ['db'] } })).toBe(true);
    for (const [ago, tells] of [
      [8 * days, undefined],
      [7 * days - 1, false],
      [-240_000, false],
      [-360_000, undefined],
    ] as const) {
      await writeFile(file, encodeSigned(sign({ issuedAt: clock.now() - ago })));
      expect([ago, await kept.mayNeed(job)]).toEqual([ago, tells]);
    }
  });

  it('count as none when nobody, or somebody else, has signed them, and the log says so once', async () => {
    const { kept, clock, file, sign, ...node } = await createKept();
    const words = "kept here are not a broker's for this cluster";
    await writeFile(file, encodeSigned(sign()));
    const sound = await readFile(file, 'utf8');
    for (const other of [
      JSON.stringify({ version: 1, received: clock.now(), matchers: [] }),
      '{}\n',
      sound.slice(0, -9),
      sound.replace(/"set":"../, '"set":"AA'),
      encodeSigned({ ...sign({ matchers: [] }), signature: sign().signature }),
      encodeSigned(sign({ cluster: 'other' })),
      encodeSigned(sign({ ca: createAgelessCa() })),
    ]) {
      await writeFile(file, other);
      expect(await kept.mayNeed(job)).toBeUndefined();
      expect(await kept.mayNeed(ofGpu)).toBeUndefined();
    }
    expect(node.logged(words)).toBe(1);
    await writeFile(file, sound);
    expect(await kept.mayNeed(job)).toBe(false);
    expect(await kept.mayNeed({ ...job, cluster: 'other' })).toBeUndefined();
    // The site trusts another CA now.
    node.trust(createAgelessCa());
    expect(await kept.mayNeed(job)).toBeUndefined();
  });

  it('stay when a broker sends what it has not signed so, from the future or for another cluster', async () => {
    const { kept, clock, file, sign, ...node } = await createKept();
    node.answer({ signed: sign(), matchers: [] });
    await node.renew();
    const sound = await readFile(file, 'utf8');
    for (const signed of [
      { ...sign({ matchers: [] }), signature: sign().signature },
      sign({ ca: createAgelessCa() }),
      sign({ cluster: 'other' }),
      sign({ issuedAt: clock.now() + 900_000 }),
      sign({ issuedAt: clock.now() - 8 * days }),
    ]) {
      const before = node.logged('could not be renewed');
      node.answer({ signed, matchers: [] });
      await node.renew();
      expect(node.logged('could not be renewed')).toBeGreaterThan(before);
      expect(await readFile(file, 'utf8')).toBe(sound);
      expect(await kept.mayNeed(ofGpu)).toBe(true);
    }
  });

  it('of an older broker, unsigned, count while the process lives, and are kept on no disk', async () => {
    const { kept, file, sign, ...node } = await createKept();
    node.answer({ signed: undefined, matchers: [gpu] });
    await node.renew();
    expect(await kept.mayNeed(job)).toBe(false);
    expect(await kept.mayNeed(ofGpu)).toBe(true);
    // slurmd may wait for it.
    expect(existsSync(file)).toBe(true);
    expect(await readFile(file, 'utf8')).toBe('{}\n');
    expect(await node.restart().mayNeed(job)).toBeUndefined();
    // One that is signed is not given up for it.
    node.answer({ signed: sign(), matchers: [] });
    await node.renew();
    const sound = await readFile(file, 'utf8');
    node.answer({ signed: undefined, matchers: [] });
    await node.renew();
    expect(await kept.mayNeed(ofGpu)).toBe(false);
    expect(await readFile(file, 'utf8')).toBe(sound);
    expect(await node.restart().mayNeed(ofGpu)).toBe(true);
  });
});
