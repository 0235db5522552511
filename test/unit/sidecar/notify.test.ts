import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { notify, parsePid } from '../../../sidecar/notify.ts';
import { createMemoryFolder } from './memory-folder.ts';

const change = { bundle: 'db', number: 7 };
const never = new AbortController().signal;

async function listening(server: Server): Promise<URL> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return new URL(`http://127.0.0.1:${port}/reload`);
}

describe('parsePid', () => {
  it.each(['', '0', '1', '-1', '007', 'x', '12 34', '99999999', String(process.pid), '5\n6'])(
    'refuses %j',
    (text) => {
      expect(() => parsePid(text)).toThrow(expect.objectContaining({ code: 'delivery_failed' }));
    },
  );

  it('accepts one number with a line end', () => {
    expect(parsePid('4321\n')).toBe(4321);
  });
});

describe('notify', () => {
  it('sends the signal to the process that the file names', async () => {
    await using folder = await createMemoryFolder();
    const program = spawn(process.execPath, [
      '-e',
      `process.on('SIGHUP', () => process.exit(7)); console.log('up'); setInterval(() => {}, 1000);`,
    ]);
    await once(program.stdout, 'data');
    const pidFile = join(folder.path, 'pid');
    await writeFile(pidFile, `${program.pid ?? 0}\n`);
    const ended = once(program, 'exit');
    await notify({ kind: 'signal', signal: 'SIGHUP', pidFile }, change, never);
    expect((await ended)[0]).toBe(7);
    await expect(notify({ kind: 'signal', signal: 'SIGHUP', pidFile }, change, never)).rejects.toMatchObject({
      code: 'delivery_failed',
    });
  });

  it('fails when there is no pid file', async () => {
    await expect(
      notify({ kind: 'signal', signal: 'SIGHUP', pidFile: '/dev/shm/no-such-file' }, change, never),
    ).rejects.toMatchObject({ code: 'delivery_failed' });
  });

  it('posts bundle and generation number, and nothing else', async () => {
    const bodies: string[] = [];
    const server = createServer((request, response) => {
      request.setEncoding('utf8').on('data', (text: string) => bodies.push(`${request.method} ${text}`));
      request.on('end', () => response.writeHead(204).end());
    });
    const url = await listening(server);
    await notify({ kind: 'http', url }, change, never);
    server.close();
    expect(bodies).toEqual(['POST {"bundle":"db","generation":7}']);
  });

  it.each([302, 404, 500])('fails on the answer %i and follows no redirect', async (status) => {
    let calls = 0;
    const server = createServer((_, response) => {
      calls += 1;
      response.writeHead(status, { location: '/elsewhere' }).end();
    });
    const url = await listening(server);
    await expect(notify({ kind: 'http', url }, change, never)).rejects.toMatchObject({
      code: 'delivery_failed',
    });
    server.close();
    expect(calls).toBe(1);
  });

  it('gives up on a program that never answers when it is told to stop', async () => {
    const server = createServer(() => undefined);
    const url = await listening(server);
    const stop = new AbortController();
    const told = notify({ kind: 'http', url }, change, stop.signal);
    stop.abort();
    await expect(told).rejects.toMatchObject({ code: 'delivery_failed' });
    server.closeAllConnections();
    server.close();
  });
});
