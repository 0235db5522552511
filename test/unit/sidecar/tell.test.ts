import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { startFakeBroker, type FakeStream } from './fake-broker.ts';
import { generation, opened, sessionA, sessionB, welcome } from './messages.ts';
import { startSidecar } from './start-sidecar.ts';

const login = { user: 'u1', password: 'p1' };

/** A program that answers as it is told to. */
async function startProgram(status: number) {
  const program = { status, calls: 0 };
  const server = createServer((request, response) => {
    program.calls += 1;
    request.resume();
    response.writeHead(program.status).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    program,
    bundles: (requireAck: boolean) =>
      `  - { name: db, notify: { http: "http://127.0.0.1:${port}/" }, requireAck: ${requireAck} }`,
    [Symbol.asyncDispose]: async () => void server.close(),
  };
}

async function deliver(stream: FakeStream): Promise<void> {
  await stream.next('hello');
  stream.send(welcome());
  await stream.next('open');
  stream.send(opened({}));
  stream.send(generation({ login }));
}

describe('telling the program', () => {
  it('that fails is counted and does not hold the acknowledgement back', async () => {
    await using broker = await startFakeBroker();
    await using program = await startProgram(500);
    await using sidecar = await startSidecar([broker], { bundles: program.bundles(false) });
    const stream = await broker.nextStream();
    await deliver(stream);
    await stream.next('delivered');
    expect(sidecar.sidecar.counters.read('notification_failures_total')).toBe(1);
  });

  it('that is required is tried until it works, and only then acknowledged', async () => {
    await using broker = await startFakeBroker();
    await using program = await startProgram(500);
    await using sidecar = await startSidecar([broker], { bundles: program.bundles(true) });
    const stream = await broker.nextStream();
    await deliver(stream);
    await vi.waitFor(() => expect(program.program.calls).toBeGreaterThan(1));
    expect(await readFile(join(sidecar.folder, 'user.txt'), 'utf8')).toBe('u1');
    program.program.status = 200;
    expect((await stream.next('delivered')).sessionId).toBe(sessionA);
  });

  it('that is required and does not work holds no revoke back', async () => {
    await using broker = await startFakeBroker();
    await using program = await startProgram(500);
    await using sidecar = await startSidecar([broker], { bundles: program.bundles(true) });
    const stream = await broker.nextStream();
    await deliver(stream);
    await vi.waitFor(() => expect(program.program.calls).toBeGreaterThan(0));
    stream.send({ revoked: { sessionId: sessionA, reason: 'REVOKE_REASON_ADMIN', mayReopen: false } });
    expect((await stream.next('wiped')).sessionId).toBe(sessionA);
    expect(await readdir(sidecar.folder)).toEqual([]);
  });

  it('goes on when another session, whose files are gone already, is revoked', async () => {
    await using broker = await startFakeBroker();
    await using program = await startProgram(500);
    await using sidecar = await startSidecar([broker], { bundles: program.bundles(true) });
    const stream = await broker.nextStream();
    await deliver(stream);
    await vi.waitFor(() => expect(program.program.calls).toBeGreaterThan(0));
    stream.send({ revoked: { sessionId: sessionB, reason: 'REVOKE_REASON_DEADLINE', mayReopen: true } });
    program.program.status = 200;
    expect((await stream.next('delivered')).sessionId).toBe(sessionA);
    expect(await readFile(join(sidecar.folder, 'user.txt'), 'utf8')).toBe('u1');
  });

  it('is done again on a new stream when the one before ended in between', async () => {
    await using broker = await startFakeBroker();
    await using program = await startProgram(500);
    await using sidecar = await startSidecar([broker], { bundles: program.bundles(true) });
    const first = await broker.nextStream();
    await deliver(first);
    await vi.waitFor(() => expect(program.program.calls).toBeGreaterThan(0));
    first.end();
    const second = await broker.nextStream();
    await second.next('hello');
    second.send(welcome());
    await second.next('open');
    program.program.status = 200;
    second.send(opened({ resumed: true }));
    expect((await second.next('delivered')).sessionId).toBe(sessionA);
    expect(await readFile(join(sidecar.folder, 'user.txt'), 'utf8')).toBe('u1');
  });

  it('that is required and does not work holds back neither an outage wipe nor the end', async () => {
    await using broker = await startFakeBroker();
    await using program = await startProgram(500);
    await using sidecar = await startSidecar([broker], { bundles: program.bundles(true) });
    const stream = await broker.nextStream();
    await stream.next('hello');
    stream.send(welcome());
    await stream.next('open');
    stream.send(opened({ outage: { mode: 'WIPE', after: 5 } }));
    stream.send(generation({ login }));
    await vi.waitFor(() => expect(program.program.calls).toBeGreaterThan(0));
    stream.send({ degraded: { sessionId: sessionA, code: 'backend_unavailable', sinceMs: Date.now() } });
    expect((await stream.next('wiped')).sessionId).toBe(sessionA);
    expect(await readdir(sidecar.folder)).toEqual([]);
  });
});
