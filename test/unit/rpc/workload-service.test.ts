import { status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { errorMessages, LeaseholdError } from '../../../src/platform/error.ts';
import { createLog } from '../../../src/platform/log.ts';
import { Secret } from '../../../src/platform/secret.ts';
import {
  helloMessage,
  hold,
  startWorld,
  verified,
  type ServerWorld,
  type WorldOptions,
} from './server-world.ts';

const sessionId = 'ses_aaaaaaaaaaaaaaaaaaaaaaaaaa';
const open = { open: { bundle: 'orders', requestKey: 'k'.repeat(20) } };
const canary = 'canary-7f3a';

let world: ServerWorld;
const start = async (options: WorldOptions = {}) => (world = await startWorld(options));
afterEach(() => world[Symbol.asyncDispose]());

const eventually = (check: () => void) => vi.waitFor(check, { interval: 10 });

/** The reply, its text and the record of a stream that ended before it was attached. */
async function expectRefusedStranger(
  stream: ReturnType<typeof hold>,
  code: LeaseholdError['code'],
  grpc: status,
): Promise<void> {
  expect(await stream.ended).toEqual({ status: grpc, code, details: errorMessages[code] });
  await eventually(() =>
    expect(world.audit.records).toEqual([
      { action: 'attach', outcome: 'refused', code, peer: '127.0.0.1', stranger: true },
    ]),
  );
  expect(world.sessions.calls).toEqual([]);
}

describe('a stream that proves nothing', () => {
  it('is ended when it never opens', async () => {
    await start({ limits: { firstMessageMs: 1_000 } });
    using stream = hold(world);
    await expectRefusedStranger(stream, 'deadline_exceeded', status.DEADLINE_EXCEEDED);
  });

  it('is refused when it is half-closed without a word', async () => {
    await start();
    using stream = hold(world);
    stream.call.end();
    await expectRefusedStranger(stream, 'credential_missing', status.UNAUTHENTICATED);
  });

  it('is refused with the code of its credential', async () => {
    await start();
    world.verifier = () => Promise.reject(new LeaseholdError('credential_expired', { detail: canary }));
    using stream = hold(world);
    stream.call.write(helloMessage);
    await expectRefusedStranger(stream, 'credential_expired', status.UNAUTHENTICATED);
  });

  it('is refused without a credential, before the verifier is asked', async () => {
    await start();
    let asked = 0;
    world.verifier = async () => ((asked += 1), verified);
    using stream = hold(world);
    stream.call.write({ hello: { agent: 'test/1' } });
    await expectRefusedStranger(stream, 'credential_missing', status.UNAUTHENTICATED);
    expect(asked).toBe(0);
  });

  it('is refused with an oversized credential, before the verifier is asked', async () => {
    await start();
    let asked = 0;
    world.verifier = async () => ((asked += 1), verified);
    using stream = hold(world);
    stream.call.write({ hello: { credential: Buffer.alloc(20_000, 65) } });
    await expectRefusedStranger(stream, 'credential_malformed', status.UNAUTHENTICATED);
    expect(asked).toBe(0);
  });

  it('is refused when its first message is another one', async () => {
    await start();
    using stream = hold(world);
    stream.call.write(open);
    await expectRefusedStranger(stream, 'request_invalid', status.INVALID_ARGUMENT);
  });

  it('is refused for an oversize message, in our words', async () => {
    await start();
    using stream = hold(world);
    stream.call.write({ hello: { credential: Buffer.alloc(70_000, 65) } });
    await expectRefusedStranger(stream, 'request_invalid', status.INVALID_ARGUMENT);
  });

  it('is turned away when too many wait to be verified', async () => {
    await start({ limits: { maxUnproved: 1 } });
    const release = Promise.withResolvers<undefined>();
    world.verifier = async () => (await release.promise, verified);
    const streams = Array.from({ length: 70 }, () => hold(world));
    for (const { call } of streams) call.write(helloMessage);
    const first = await Promise.race(streams.map(({ ended }) => ended));
    expect(first).toMatchObject({ status: status.UNAVAILABLE, code: 'overloaded' });
    release.resolve(undefined);
    for (const stream of streams) stream[Symbol.dispose]();
  });
});

describe('an error that is not ours', () => {
  it('becomes a fixed text, and its own stays out of the log', async () => {
    const lines: string[] = [];
    await start({
      log: createLog({
        level: 'debug',
        name: 'test',
        destination: { write: (line) => void lines.push(line) },
      }),
    });
    world.verifier = () => Promise.reject(Object.assign(new Error(canary), { code: 7, details: canary }));
    using stream = hold(world);
    stream.call.write(helloMessage);
    await expectRefusedStranger(stream, 'internal', status.INTERNAL);
    expect(lines.join('')).toContain('a call failed');
    expect(lines.join('')).not.toContain(canary);
    expect(await world.metrics.text()).not.toContain(canary);
  });
});

describe('an attached holder', () => {
  const attach = async (options: WorldOptions = {}) => {
    await start(options);
    const stream = hold(world);
    stream.call.write(helloMessage);
    expect((await stream.next()).message).toBe('welcome');
    return stream;
  };

  it('hears welcome first, whatever attaching sends', async () => {
    await start();
    const attachScripted = world.sessions.attach.bind(world.sessions);
    world.sessions.attach = async (request) => {
      request.send({ kind: 'recovered', session: sessionId });
      return attachScripted(request);
    };
    using stream = hold(world);
    stream.call.write(helloMessage);
    expect([(await stream.next()).message, (await stream.next()).message]).toEqual(['welcome', 'recovered']);
  });

  it.each(['workload_terminating', 'workload_stale'] as const)('may only go on when %s', async (code) => {
    await start();
    const purposes: string[] = [];
    world.verifier = async (_credential, { purpose }) => {
      purposes.push(purpose);
      if (purpose === 'new') throw new LeaseholdError(code);
      return verified;
    };
    using stream = hold(world);
    stream.call.write(helloMessage);
    await stream.next();
    expect(purposes).toEqual(['new', 'held']);
    expect(world.sessions.mayOpen).toBe(false);
  });

  it.each([
    ['a second hello', helloMessage],
    ['an empty message', {}],
    ['a bundle name with a path', { open: { bundle: '../etc', requestKey: 'k'.repeat(20) } }],
    ['a short request key', { open: { bundle: 'orders', requestKey: 'k' } }],
    ['a session id of another form', { release: { sessionId: "' or 1=1" } }],
  ])('is ended for %s', async (_name, message) => {
    using stream = await attach();
    stream.call.write(message);
    expect(await stream.ended).toMatchObject({ code: 'request_invalid', status: status.INVALID_ARGUMENT });
    await eventually(() => expect(world.sessions.calls).toEqual(['attach', 'detach']));
  });

  it('is ended for more requests at once than anybody needs', async () => {
    using stream = await attach();
    world.sessions.script.open = (_request, { signal }) =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
    for (let index = 0; index < 65; index += 1) stream.call.write(open);
    expect(await stream.ended).toMatchObject({ code: 'request_invalid' });
    await eventually(() => expect(world.sessions.calls.at(-1)).toBe('detach'));
  });

  it('is ended when its fresh credential is another workload’s', async () => {
    using stream = await attach();
    world.sessions.script.refresh = () => Promise.reject(new LeaseholdError('credential_wrong_workload'));
    stream.call.write({ credential: { credential: Buffer.from('other') } });
    expect(await stream.ended).toMatchObject({
      code: 'credential_wrong_workload',
      status: status.PERMISSION_DENIED,
    });
  });

  it('goes on when its fresh credential cannot be verified for a reason of ours', async () => {
    using stream = await attach();
    world.verifier = () => Promise.reject(new LeaseholdError('identity_unavailable'));
    stream.call.write({ credential: { credential: Buffer.from('fresh') } });
    stream.call.write({ wiped: { sessionId } });
    await eventually(() => expect(world.sessions.calls.at(-1)).toContain('wiped'));
  });

  it('is told when another stream of the same holder takes over', async () => {
    using stream = await attach();
    world.sessions.send({ kind: 'taken_over' });
    expect(await stream.ended).toMatchObject({ code: 'taken_over', status: status.ABORTED });
  });

  it('is detached when it ends the stream', async () => {
    using stream = await attach();
    stream.call.end();
    expect(await stream.ended).toMatchObject({ status: status.OK });
    await eventually(() => expect(world.sessions.calls).toEqual(['attach', 'detach']));
  });

  it('is detached when its connection breaks', async () => {
    const stream = await attach();
    stream[Symbol.dispose]();
    await eventually(() => expect(world.sessions.calls).toEqual(['attach', 'detach']));
  });

  it('is served in order, requests for bundles aside', async () => {
    using stream = await attach();
    const slow = Promise.withResolvers<undefined>();
    world.sessions.script.open = () => slow.promise;
    stream.call.write(open);
    stream.call.write({ delivered: { sessionId, generationId: 'gen_aaaaaaaaaaaaaaaaaaaaaaaaaa' } });
    stream.call.write({ release: { sessionId } });
    await eventually(() =>
      expect(world.sessions.calls.map((call) => call.split(' ')[0])).toEqual([
        'attach',
        'open',
        'delivered',
        'release',
      ]),
    );
    slow.resolve(undefined);
  });

  it('receives secret bytes whole, and the broker keeps its own', async () => {
    using stream = await attach();
    const value = Secret.ofText('s3cret');
    world.sessions.send({
      kind: 'generation',
      session: sessionId,
      generation: { id: 'gen_aaaaaaaaaaaaaaaaaaaaaaaaaa', number: 3 },
      secrets: [
        { name: 'db', fields: new Map([['password', value]]) },
        { name: 'same', fields: undefined },
      ],
      files: [
        { path: 'db/password', mode: 0o440, content: { format: 'raw', secret: 'db', field: 'password' } },
      ],
      previousUntil: 0,
    });
    const { generation } = await stream.next();
    expect(generation?.secrets[0]?.fields?.fields['password']?.toString()).toBe('s3cret');
    expect(generation?.secrets[1]?.unchanged).toBe(true);
    expect(Buffer.from(value.open()).toString()).toBe('s3cret');
  });

  it('is cut off when it never reads, and what waited is let go', async () => {
    await start();
    const stream = hold(world, { read: false });
    stream.call.write(helloMessage);
    await eventually(() => expect(world.sessions.calls).toEqual(['attach']));
    const megabyte = Secret.ofBytes(Buffer.alloc(1024 * 1024, 1));
    for (let index = 0; index < 12; index += 1) {
      world.sessions.send({
        kind: 'generation',
        session: sessionId,
        generation: { id: 'gen_aaaaaaaaaaaaaaaaaaaaaaaaaa', number: index },
        secrets: [{ name: 'db', fields: new Map([['password', megabyte]]) }],
        files: [],
        previousUntil: 0,
      });
    }
    await eventually(() => expect(world.sessions.calls).toEqual(['attach', 'detach']));
    expect(await world.metrics.text()).toContain('leasehold_connections_cut_total{listener="workloads"} 1');
    stream[Symbol.dispose]();
  });

  it('is told that the broker goes down, after the request under way has been answered', async () => {
    using stream = await attach();
    const slow = Promise.withResolvers<undefined>();
    world.sessions.script.open = () => slow.promise;
    stream.call.write(open);
    await eventually(() => expect(world.sessions.calls).toHaveLength(2));
    const drained = world.rpc.drain(AbortSignal.timeout(50_000));
    world.sessions.send({ kind: 'recovered', session: sessionId });
    slow.resolve(undefined);
    expect(await stream.ended).toMatchObject({ code: 'shutting_down', status: status.UNAVAILABLE });
    expect(stream.received.at(-1)?.message).toBe('recovered');
    await drained;
    expect(world.sessions.calls.at(-1)).toBe('detach');
  });
});
