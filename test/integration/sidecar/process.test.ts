import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { startFakeBroker, type FakeBroker, type FakeStream } from '../../unit/sidecar/fake-broker.ts';
import { createMemoryFolder } from '../../unit/sidecar/memory-folder.ts';
import { generation, opened, sessionA, welcome } from '../../unit/sidecar/messages.ts';

const program = join(import.meta.dirname, '../../../src/main.ts');
const canary = 'canary-3f9d1c';
const login = { user: `${canary}-user`, password: `${canary}-password` };
const token = `${canary}-token`;

interface Started extends AsyncDisposable {
  readonly pid: number;
  readonly output: () => string;
  readonly exit: Promise<number | NodeJS.Signals>;
  signal(name: NodeJS.Signals): void;
}

function start(...parameters: string[]): Started {
  const child = spawn(process.execPath, [program, 'sidecar', ...parameters], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  // Not `exit`: after that there may be more of its output.
  const exit = once(child, 'close').then(
    ([code, signal]: unknown[]) => (signal ?? code) as number | NodeJS.Signals,
  );
  return {
    pid: child.pid ?? 0,
    output: () => output,
    exit,
    signal: (name) => void child.kill(name),
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await exit;
    },
  };
}

async function createHome(broker: Pick<FakeBroker, 'address' | 'ca'>, more = '') {
  const home = await createMemoryFolder();
  const path = (name: string) => join(home.path, name);
  await writeFile(path('token'), token);
  await writeFile(path('ca.pem'), broker.ca);
  await writeFile(
    path('sidecar.yaml'),
    `
broker: { address: "${broker.address}", ca: ${path('ca.pem')} }
credential: ${path('token')}
target: ${path('files')}
health: { startedFile: ${path('started')}, readyFile: ${path('ready')} }
bundles: [{ name: db }]
${more}
`,
  );
  return { ...home, path, folder: path('files/db'), config: ['--config', path('sidecar.yaml')] as const };
}

async function greet(stream: FakeStream): Promise<void> {
  await stream.next('hello');
  stream.send(welcome());
  await stream.next('open');
}

describe('leasehold sidecar', () => {
  it('answers wrong use and a bad configuration with 2, and a good one with 0 under --check', async () => {
    await using home = await createHome({ address: '127.0.0.1:1', ca: '' });
    for (const wrong of [
      [],
      ['--config'],
      ['--config', home.path('none.yaml')],
      [...home.config, '--colour'],
    ]) {
      await using run = start(...wrong);
      expect(await run.exit).toBe(2);
    }
    await using good = start(...home.config, '--check');
    expect(await good.exit).toBe(0);
    await writeFile(
      home.path('sidecar.yaml'),
      `${await readFile(home.path('sidecar.yaml'), 'utf8')}\nx: ${canary}\n`,
    );
    await using bad = start(...home.config, '--check');
    expect(await bad.exit).toBe(2);
    expect(bad.output()).toContain('x: there is no such key');
    expect(bad.output()).not.toContain(canary);
  });

  it('delivers, marks itself started and ready, and ends on SIGTERM with everything removed', async () => {
    await using broker = await startFakeBroker();
    await using home = await createHome(broker, 'log: { level: debug }');
    await using run = start(...home.config);
    const stream = await broker.nextStream();
    await greet(stream);
    expect(existsSync(home.path('started'))).toBe(false);
    stream.send(opened({}));
    stream.send(generation({ login }));
    await stream.next('delivered');
    await vi.waitFor(() =>
      expect(existsSync(home.path('started')) && existsSync(home.path('ready'))).toBe(true),
    );
    expect(await readFile(join(home.folder, 'password.txt'), 'utf8')).toBe(login.password);

    expect(readFileSync(`/proc/${run.pid}/environ`, 'latin1')).not.toContain(canary);
    expect(readFileSync(`/proc/${run.pid}/cmdline`, 'latin1')).not.toContain(canary);
    run.signal('SIGTERM');
    expect((await stream.next('wiped')).sessionId).toBe(sessionA);
    expect((await stream.next('release')).sessionId).toBe(sessionA);
    await stream.over;
    stream.end();
    expect(await run.exit).toBe(0);
    expect(await readdir(home.folder)).toEqual([]);
    expect(existsSync(home.path('started')) || existsSync(home.path('ready'))).toBe(false);
    expect(run.output()).toContain('a generation is visible');
    expect(run.output()).not.toContain(canary);
  });

  it('that is killed leaves the files, and the next one resumes the session', async () => {
    await using broker = await startFakeBroker();
    await using home = await createHome(broker);
    const first = start(...home.config);
    const stream = await broker.nextStream();
    await greet(stream);
    stream.send(opened({}));
    stream.send(generation({ login }));
    await stream.next('delivered');
    first.signal('SIGKILL');
    expect(await first.exit).toBe('SIGKILL');

    await using second = start(...home.config);
    const next = await broker.nextStream();
    await next.next('hello');
    next.send(welcome());
    expect(await next.next('open')).toMatchObject({
      sessionId: sessionA,
      generationId: 'gen_aaaaaaaaaaaaaaaaaaaaaaaaaa',
    });
    expect(await readFile(join(home.folder, 'user.txt'), 'utf8')).toBe(login.user);
    expect(second.output()).not.toContain(canary);
  });

  it('refuses to start on a folder that is not in memory', async () => {
    await using home = await createHome({ address: '127.0.0.1:1', ca: '' });
    const source = await readFile(home.path('sidecar.yaml'), 'utf8');
    // A file system that is neither a disk nor memory, and on which nothing can be made by mistake.
    await writeFile(home.path('sidecar.yaml'), source.replace(home.path('files'), '/sys/kernel'));
    await using run = start(...home.config);
    expect(await run.exit).toBe(1);
    expect(run.output()).toContain('delivery_not_memory');
  });
});

describe('leasehold sidecar --once', () => {
  it('delivers static bundles, acknowledges, and leaves the files', async () => {
    await using broker = await startFakeBroker();
    await using home = await createHome(broker);
    await using run = start(...home.config, '--once');
    const stream = await broker.nextStream();
    await greet(stream);
    stream.send(opened({ leased: false }));
    stream.send(generation({ login }));
    await stream.next('delivered');
    await stream.over;
    stream.end();
    expect(await run.exit).toBe(0);
    expect(await readFile(join(home.folder, 'user.txt'), 'utf8')).toBe(login.user);
  });

  it('refuses a bundle with leases, gives it back and leaves nothing', async () => {
    await using broker = await startFakeBroker();
    await using home = await createHome(broker);
    await using run = start(...home.config, '--once');
    const stream = await broker.nextStream();
    await greet(stream);
    stream.send(opened({ leased: true }));
    stream.send(generation({ login }));
    expect((await stream.next('release')).sessionId).toBe(sessionA);
    await stream.over;
    stream.end();
    expect(await run.exit).toBe(1);
    expect(await readdir(home.folder)).toEqual([]);
    expect(run.output()).toContain('bundle db has leases');
    expect(run.output()).not.toContain(canary);
  });

  it('ends with 1 when the bundle is not granted', async () => {
    await using broker = await startFakeBroker();
    await using home = await createHome(broker);
    await using run = start(...home.config, '--once');
    const stream = await broker.nextStream();
    await greet(stream);
    stream.send({ refused: { bundle: 'db', code: 'not_granted', message: '', retryAfterMs: 0 } });
    await stream.over;
    stream.end();
    expect(await run.exit).toBe(1);
    expect(run.output()).toContain('no grant allows');
  });

  it('ends with 4 when no broker could be reached in the time it has', async () => {
    await using home = await createHome({ address: '127.0.0.1:1', ca: '' }, 'onceSeconds: 1');
    await using run = start(...home.config, '--once');
    expect(await run.exit).toBe(4);
  });
});
