import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { startFakeBroker, type FakeStream } from './fake-broker.ts';
import { generation, opened, sessionA, sessionB, welcome } from './messages.ts';
import { createMemoryFolder } from './memory-folder.ts';
import { startSidecar, type RunningSidecar } from './start-sidecar.ts';

const login = { user: 'u1', password: 'p1' };

const read = (sidecar: RunningSidecar, file: string) => readFile(join(sidecar.folder, file), 'utf8');

/** Through hello and open, to the first generation and its acknowledgement. */
async function deliverFirst(stream: FakeStream, open: Parameters<typeof opened>[0] = {}): Promise<void> {
  await stream.next('hello');
  stream.send(welcome());
  await stream.next('open');
  stream.send(opened(open));
  stream.send(generation({ login }));
  await stream.next('delivered');
}

describe('the hold on a bundle', () => {
  it('delivers a generation, acknowledges it and is then started and ready', async () => {
    await using broker = await startFakeBroker();
    await using sidecar = await startSidecar([broker]);
    const stream = await broker.nextStream();

    const hello = await stream.next('hello');
    expect(hello.credential.toString()).toBe('token-1');
    expect(hello.agent).toBe('leasehold-sidecar/test');
    stream.send(welcome());
    const open = await stream.next('open');
    expect(open).toMatchObject({ bundle: 'db', sessionId: '', generationId: '' });
    expect(open.requestKey).toMatch(/^[A-Za-z0-9_-]{16,64}$/);
    stream.send(opened({}));
    stream.send(generation({ login }));
    const delivered = await stream.next('delivered');

    expect(delivered).toEqual({ sessionId: sessionA, generationId: 'gen_aaaaaaaaaaaaaaaaaaaaaaaaaa' });
    expect(await read(sidecar, 'user.txt')).toBe('u1');
    expect(await read(sidecar, 'password.txt')).toBe('p1');
    expect(await read(sidecar, 'generation')).toBe('1 gen_aaaaaaaaaaaaaaaaaaaaaaaaaa\n');
    expect(sidecar.lines.join('\n')).not.toContain('p1');
  });

  it('renders unchanged secrets from the values it kept', async () => {
    await using broker = await startFakeBroker();
    await using sidecar = await startSidecar([broker]);
    const stream = await broker.nextStream();
    await deliverFirst(stream);

    stream.send(generation({ id: 'gen_bbbbbbbbbbbbbbbbbbbbbbbbbb', number: 2, login: null }));
    expect((await stream.next('delivered')).generationId).toBe('gen_bbbbbbbbbbbbbbbbbbbbbbbbbb');
    expect(await read(sidecar, 'password.txt')).toBe('p1');
    expect(sidecar.sidecar.counters.read('generations_unchanged_total')).toBe(1);
  });

  it('asks for a whole generation when an unchanged secret has no values here', async () => {
    await using broker = await startFakeBroker();
    await using sidecar = await startSidecar([broker]);
    const stream = await broker.nextStream();
    await stream.next('hello');
    stream.send(welcome());
    const first = await stream.next('open');
    stream.send(opened({}));
    stream.send(generation({ login: null }));
    const second = await stream.next('open');
    expect(second.requestKey).not.toBe(first.requestKey);
    expect(second.sessionId).toBe('');
    expect(await readdir(sidecar.folder)).toEqual([]);
  });

  it('removes the files when the session is revoked, then says so', async () => {
    await using broker = await startFakeBroker();
    await using sidecar = await startSidecar([broker]);
    const stream = await broker.nextStream();
    await deliverFirst(stream);

    stream.send({ revoked: { sessionId: sessionA, reason: 'REVOKE_REASON_ADMIN', mayReopen: false } });
    expect((await stream.next('wiped')).sessionId).toBe(sessionA);
    expect(await readdir(sidecar.folder)).toEqual([]);
  });

  it('asks again, as a new wish, when a revoked session may be opened again', async () => {
    await using broker = await startFakeBroker();
    await using sidecar = await startSidecar([broker]);
    const stream = await broker.nextStream();
    await deliverFirst(stream);

    stream.send({ revoked: { sessionId: sessionA, reason: 'REVOKE_REASON_LOST', mayReopen: true } });
    await stream.next('wiped');
    expect(await stream.next('open')).toMatchObject({ bundle: 'db', sessionId: '', generationId: '' });
    stream.send(opened({ session: sessionB }));
    stream.send(generation({ session: sessionB, login: { user: 'u2', password: 'p2' } }));
    expect((await stream.next('delivered')).sessionId).toBe(sessionB);
    expect(await read(sidecar, 'user.txt')).toBe('u2');
  });

  it('moves to a successor session without a gap and leaves its files when the old one is revoked', async () => {
    await using broker = await startFakeBroker();
    await using sidecar = await startSidecar([broker]);
    const stream = await broker.nextStream();
    await deliverFirst(stream);

    stream.send(opened({ session: sessionB }));
    stream.send(generation({ session: sessionB, login: { user: 'u2', password: 'p2' } }));
    expect((await stream.next('wiped')).sessionId).toBe(sessionA);
    expect((await stream.next('delivered')).sessionId).toBe(sessionB);
    stream.send({ revoked: { sessionId: sessionA, reason: 'REVOKE_REASON_DEADLINE', mayReopen: true } });
    expect((await stream.next('wiped')).sessionId).toBe(sessionA);
    expect(await read(sidecar, 'user.txt')).toBe('u2');
  });

  it('keeps what stands through a passing refusal and removes it after a decided one', async () => {
    await using broker = await startFakeBroker();
    await using sidecar = await startSidecar([broker]);
    const before = await broker.nextStream();
    await deliverFirst(before);
    before.end();
    const again = await broker.nextStream();
    await again.next('hello');
    again.send(welcome());
    await again.next('open');

    again.send({ refused: { bundle: 'db', code: 'overloaded', message: '', retryAfterMs: 1_000 } });
    expect(await again.next('open')).toMatchObject({ sessionId: sessionA });
    expect(await read(sidecar, 'user.txt')).toBe('u1');
    again.send({ refused: { bundle: 'db', code: 'tombstoned', message: '', retryAfterMs: 0 } });
    expect((await again.next('wiped')).sessionId).toBe(sessionA);
    expect(existsSync(join(sidecar.folder, 'user.txt'))).toBe(false);
  });

  it('stays not ready, and writes nothing, when the layout could leave its folder', async () => {
    await using broker = await startFakeBroker();
    await using sidecar = await startSidecar([broker]);
    const stream = await broker.nextStream();
    await stream.next('hello');
    stream.send(welcome());
    await stream.next('open');
    stream.send(opened({}));
    const bad = generation({ login });
    const files = bad.generation?.files ?? [];
    stream.send({
      generation: {
        ...bad.generation,
        files: files.map((file) => ({ ...file, path: `../${file.path ?? ''}` })),
      },
    });
    await vi.waitFor(() =>
      expect(sidecar.sidecar.counters.read('delivery_failures_total')).toBeGreaterThan(0),
    );
    expect(await readdir(sidecar.folder)).toEqual([]);
    expect(sidecar.lines.join()).toContain('delivery_unsafe');
  });
});

describe('the stream of a holder', () => {
  it('resumes with session and generation, and a token read afresh, when the broker comes back', async () => {
    await using broker = await startFakeBroker();
    await using sidecar = await startSidecar([broker]);
    const first = await broker.nextStream();
    await deliverFirst(first);
    await writeFile(sidecar.tokenFile, 'token-2\n');
    first.refuse('shutting_down');

    const second = await broker.nextStream();
    expect((await second.next('hello')).credential.toString()).toBe('token-2');
    second.send(welcome());
    expect(await second.next('open')).toMatchObject({
      sessionId: sessionA,
      generationId: 'gen_aaaaaaaaaaaaaaaaaaaaaaaaaa',
    });
    second.send(opened({ resumed: true }));
    expect((await second.next('delivered')).sessionId).toBe(sessionA);
    expect(await read(sidecar, 'user.txt')).toBe('u1');
  });

  it('uses the same request key again when the stream ends before the first generation', async () => {
    await using broker = await startFakeBroker();
    await using sidecar = await startSidecar([broker]);
    const first = await broker.nextStream();
    await first.next('hello');
    first.send(welcome());
    const { requestKey } = await first.next('open');
    first.end();
    const second = await broker.nextStream();
    await second.next('hello');
    second.send(welcome());
    expect((await second.next('open')).requestKey).toBe(requestKey);
    expect(await readdir(sidecar.folder)).toEqual([]);
  });

  it('shows the token of the file when the broker wants a credential', async () => {
    await using broker = await startFakeBroker();
    await using sidecar = await startSidecar([broker]);
    const stream = await broker.nextStream();
    await deliverFirst(stream);
    await writeFile(sidecar.tokenFile, 'token-2');
    stream.send({ credentialWanted: { byMs: Date.now() + 60_000 } });
    expect((await stream.next('credential')).credential.toString()).toBe('token-2');
  });

  it('shows a new token unasked once the file has one', async () => {
    await using broker = await startFakeBroker();
    await using sidecar = await startSidecar([broker]);
    const stream = await broker.nextStream();
    await deliverFirst(stream);
    await writeFile(sidecar.tokenFile, 'token-3');
    expect((await stream.next('credential')).credential.toString()).toBe('token-3');
  });

  it('dials again when the broker accepts the stream and never answers', async () => {
    await using broker = await startFakeBroker();
    await using sidecar = await startSidecar([broker]);
    const silent = await broker.nextStream();
    await silent.next('hello');
    await (await broker.nextStream()).next('hello');
    await silent.over;
    expect(await readdir(sidecar.folder)).toEqual([]);
  });

  it('dials again when a bundle that was asked for never comes', async () => {
    await using broker = await startFakeBroker();
    await using sidecar = await startSidecar([broker]);
    const silent = await broker.nextStream();
    await silent.next('hello');
    silent.send(welcome());
    await silent.next('open');
    await (await broker.nextStream()).next('hello');
    expect(await readdir(sidecar.folder)).toEqual([]);
  });

  it('says which code refused the stream and goes on trying', async () => {
    await using broker = await startFakeBroker();
    await using sidecar = await startSidecar([broker]);
    const stream = await broker.nextStream();
    await stream.next('hello');
    stream.refuse('credential_expired');
    await (await broker.nextStream()).next('hello');
    expect(sidecar.lines.join()).toContain('credential_expired');
  });

  it('removes the files when the broker ends the stream because the workload has ended', async () => {
    await using broker = await startFakeBroker();
    await using sidecar = await startSidecar([broker]);
    const stream = await broker.nextStream();
    await deliverFirst(stream);
    stream.refuse('workload_ended');
    await vi.waitFor(async () => expect(await readdir(sidecar.folder)).toEqual([]));
    expect(sidecar.sidecar.counters.read('wipes_total')).toBe(1);
  });

  it('removes the files when a new stream is refused because nobody knows the workload, and then asks seldom', async () => {
    await using broker = await startFakeBroker();
    await using sidecar = await startSidecar([broker]);
    const first = await broker.nextStream();
    await deliverFirst(first);
    first.refuse('shutting_down');
    const second = await broker.nextStream();
    await second.next('hello');
    second.refuse('workload_unknown');

    await vi.waitFor(async () => expect(await readdir(sidecar.folder)).toEqual([]));
    await vi.waitFor(() => {
      const pauses = sidecar.lines.filter((line) => line.includes('after a pause'));
      expect(pauses.at(-1)).toMatch(/"pauseMs":1[0-9]{5}\b/);
    });
    // What comes then is a new wish: there is nothing left to resume.
    const third = await broker.nextStream();
    await third.next('hello');
    third.send(welcome());
    expect(await third.next('open')).toMatchObject({ sessionId: '', generationId: '' });
  });

  it('keeps the files when the stream is refused for a reason that can pass', async () => {
    await using broker = await startFakeBroker();
    await using sidecar = await startSidecar([broker]);
    const first = await broker.nextStream();
    await deliverFirst(first);
    for (const code of ['identity_unavailable', 'credential_expired', 'overloaded']) {
      const next = code === 'identity_unavailable' ? first : await broker.nextStream();
      next.refuse(code);
    }
    const last = await broker.nextStream();
    await last.next('hello');
    last.send(welcome());
    expect(await last.next('open')).toMatchObject({ sessionId: sessionA });
    expect(await read(sidecar, 'user.txt')).toBe('u1');
  });

  it('does not talk to a broker whose certificate is from another authority', async () => {
    await using broker = await startFakeBroker();
    await using stranger = await startFakeBroker();
    await using sidecar = await startSidecar([{ ...stranger, ca: broker.ca }]);
    await vi.waitFor(() =>
      expect(sidecar.sidecar.counters.read('connection_failures_total')).toBeGreaterThan(1),
    );
    expect(sidecar.lines.join()).toContain('broker_unavailable');
    expect(sidecar.sidecar.counters.read('connections_total')).toBe(0);
  });

  it('tries the next address when one is down', async () => {
    await using up = await startFakeBroker();
    await using sidecar = await startSidecar([{ ...up, address: '127.0.0.1:9' }, up]);
    await deliverFirst(await up.nextStream());
    expect(await read(sidecar, 'user.txt')).toBe('u1');
  });

  it('refuses a redirect to an address that is not configured and asks where it is', async () => {
    await using broker = await startFakeBroker();
    await using elsewhere = await startFakeBroker();
    await using sidecar = await startSidecar([broker]);
    const stream = await broker.nextStream();
    await stream.next('hello');
    stream.send(welcome());
    await stream.next('open');
    stream.send({ redirect: { bundle: 'db', sessionId: sessionA, address: elsewhere.address, epoch: 1 } });
    await stream.next('open');
    expect(sidecar.sidecar.counters.read('redirects_refused_total')).toBe(1);
  });

  it('opens a redirected bundle at its owner and comes back when that owner goes', async () => {
    await using one = await startFakeBroker();
    await using two = await startFakeBroker();
    await using sidecar = await startSidecar([one, two]);
    // With random 0.5 and two addresses the second is dialled first.
    const main = await two.nextStream();
    await main.next('hello');
    main.send(welcome());
    await main.next('open');
    main.send({ redirect: { bundle: 'db', sessionId: sessionA, address: one.address, epoch: 1 } });

    const side = await one.nextStream();
    await deliverFirst(side);
    expect(await read(sidecar, 'user.txt')).toBe('u1');
    side.refuse('shutting_down');
    expect(await main.next('open')).toMatchObject({ sessionId: sessionA });
  });
});

describe('an outage', () => {
  it('leaves the files and, by policy, makes the holder not ready until the session is resumed', async () => {
    await using broker = await startFakeBroker();
    await using sidecar = await startSidecar([broker]);
    const stream = await broker.nextStream();
    await deliverFirst(stream, { outage: { mode: 'NOT_READY', after: 5 } });
    const lines = () => sidecar.lines.join('\n');
    stream.end();
    const silent = await broker.nextStream();
    await vi.waitFor(() => expect(lines()).toContain('the outage has lasted longer'));
    expect(await read(sidecar, 'user.txt')).toBe('u1');
    await silent.next('hello');
    silent.send(welcome());
    await silent.next('open');
    silent.send(opened({ resumed: true }));
    await silent.next('delivered');
  });

  it('removes the files by policy and opens afresh afterwards', async () => {
    await using broker = await startFakeBroker();
    await using sidecar = await startSidecar([broker]);
    const stream = await broker.nextStream();
    await deliverFirst(stream, { outage: { mode: 'WIPE', after: 5 } });
    stream.end();
    const later = await broker.nextStream();
    await vi.waitFor(() => expect(existsSync(join(sidecar.folder, 'user.txt'))).toBe(false));
    await later.next('hello');
    later.send(welcome());
    expect(await later.next('open')).toMatchObject({ sessionId: '', generationId: '' });
  });

  it('is not counted for the moment in which a stream is opened anew, only for one that ends in trouble', async () => {
    await using broker = await startFakeBroker();
    await using sidecar = await startSidecar([broker], { factor: 5 });
    const first = await broker.nextStream();
    await deliverFirst(first, { outage: { mode: 'WIPE', after: 0 } });
    first.end();
    const second = await broker.nextStream();
    await second.next('hello');
    second.send(welcome());
    expect(await second.next('open')).toMatchObject({ sessionId: sessionA });
    second.send(opened({ resumed: true, outage: { mode: 'WIPE', after: 0 } }));
    await second.next('delivered');
    second.refuse('shutting_down');
    const third = await broker.nextStream();
    await third.next('hello');
    third.send(welcome());
    expect(await third.next('open')).toMatchObject({ sessionId: sessionA });
    expect(await read(sidecar, 'user.txt')).toBe('u1');
    third.send(opened({ resumed: true, outage: { mode: 'WIPE', after: 0 } }));
    await third.next('delivered');
    third.refuse('ledger_unavailable');
    await vi.waitFor(() => expect(existsSync(join(sidecar.folder, 'user.txt'))).toBe(false));
  });

  it('is counted after all when nobody answers the new stream', async () => {
    await using broker = await startFakeBroker();
    await using sidecar = await startSidecar([broker]);
    const first = await broker.nextStream();
    await deliverFirst(first, { outage: { mode: 'WIPE', after: 0 } });
    first.end();
    await (await broker.nextStream()).next('hello');
    await vi.waitFor(() => expect(existsSync(join(sidecar.folder, 'user.txt'))).toBe(false));
  });

  it('counts from the word of the broker when the backend is away, and ends with it', async () => {
    await using broker = await startFakeBroker();
    await using sidecar = await startSidecar([broker]);
    const stream = await broker.nextStream();
    await deliverFirst(stream, { outage: { mode: 'WIPE', after: 5 } });
    stream.send({ degraded: { sessionId: sessionA, code: 'backend_unavailable', sinceMs: Date.now() } });
    expect((await stream.next('wiped')).sessionId).toBe(sessionA);
    stream.send({ recovered: { sessionId: sessionA } });
    expect(await stream.next('open')).toMatchObject({ sessionId: '' });
    expect(sidecar.lines.join()).toContain('backend_unavailable');
  });
});

describe('the end of the process', () => {
  it('removes the files, gives the session up and ends the stream', async () => {
    await using broker = await startFakeBroker();
    await using sidecar = await startSidecar([broker]);
    const stream = await broker.nextStream();
    await deliverFirst(stream);
    const stopped = sidecar.stop();
    expect((await stream.next('wiped')).sessionId).toBe(sessionA);
    expect((await stream.next('release')).sessionId).toBe(sessionA);
    await stream.over;
    stream.end();
    await stopped;
    expect(await readdir(sidecar.folder)).toEqual([]);
  });

  it('keeps files and session when told so, and the next process resumes them', async () => {
    await using broker = await startFakeBroker();
    await using home = await createMemoryFolder();
    const kept = { path: home.path, [Symbol.asyncDispose]: async () => undefined };
    const first = await startSidecar([broker], { onExit: 'keep', home: kept });
    const stream = await broker.nextStream();
    await deliverFirst(stream);
    const stopped = first.stop();
    await stream.over;
    stream.end();
    await stopped;
    expect(await read(first, 'user.txt')).toBe('u1');

    await using second = await startSidecar([broker], { home: kept });
    const next = await broker.nextStream();
    await next.next('hello');
    next.send(welcome());
    expect(await next.next('open')).toMatchObject({
      sessionId: sessionA,
      generationId: 'gen_aaaaaaaaaaaaaaaaaaaaaaaaaa',
    });
    expect(await read(second, 'user.txt')).toBe('u1');
  });
});
