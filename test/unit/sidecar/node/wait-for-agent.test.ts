import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { waitForAgent } from '../../../../sidecar/node/wait-for-agent.ts';
import { systemClock } from '../../../../src/platform/clock.ts';
import { listenForHooks } from '../../../../src/platform/hook-socket.ts';
import { silentLog } from '../../../../src/platform/log.ts';
import { createTempFolder } from '../../../support/temp-folder.ts';

const wait = (socket: string, more: { readonly timeoutMs?: number; readonly mayCome?: () => boolean } = {}) =>
  waitForAgent({ socket, clock: systemClock, timeoutMs: 60_000, mayCome: () => true, ...more });
const none = { code: 'deadline_exceeded' };

it('waits no longer than it may, and not for a process that has ended', async () => {
  await using folder = await createTempFolder({ name: 'wait' });
  const socket = join(folder.path, 'agent.sock');
  await expect(wait(socket, { timeoutMs: 200 })).rejects.toMatchObject(none);
  await expect(wait(socket, { mayCome: () => false })).rejects.toMatchObject(none);
});

it('takes no connection for an answer, and no refusal', async () => {
  await using folder = await createTempFolder({ name: 'wait' });
  const socket = join(folder.path, 'agent.sock');
  const peers: Socket[] = [];
  const mute = createServer((peer) => peers.push(peer)).listen(socket);
  await expect(wait(socket, { timeoutMs: 300 })).rejects.toMatchObject(none);
  for (const peer of peers) peer.destroy();
  await new Promise((resolve) => mute.close(resolve));
  const answer = () => Promise.resolve({ ok: false, why: 'no' } as const);
  await using parts = new AsyncDisposableStack();
  parts.use(await listenForHooks({ path: socket, group: undefined, answer, log: silentLog }));
  await expect(wait(socket, { timeoutMs: 300 })).rejects.toMatchObject(none);
});

it('is over when one that comes later answers', async () => {
  await using folder = await createTempFolder({ name: 'wait' });
  const path = join(folder.path, 'agent.sock');
  const waited = wait(path);
  const asked: string[] = [];
  const answer = ({ verb }: { readonly verb: string }) => {
    asked.push(verb);
    return Promise.resolve({ ok: true } as const);
  };
  await using parts = new AsyncDisposableStack();
  parts.use(await listenForHooks({ path, group: undefined, answer, log: silentLog }));
  await waited;
  expect(asked).toEqual(['ready']);
});
