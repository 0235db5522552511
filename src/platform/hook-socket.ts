import { chmod, chown, lstat, stat, unlink } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { LeaseholdError } from './error.ts';
import type { Log } from './log.ts';
import { createRequestReader, type HookRequest } from './hook-request.ts';

export type HookAnswer = { readonly ok: true } | { readonly ok: false; readonly why: string };

/** The socket that hooks speak to, of a node agent or of a signer. Disposing closes it and every connection. */
export type HookSocket = AsyncDisposable;

/** A hook sends its request at once; whoever does not is no hook of ours. */
const requestMs = 5_000;
/** Of a whole array that starts while nobody answers, each hook waits for its answer: one that is turned away has a job that starts unregistered. */
const maxConnections = 16_384;

/**
 * Listens at `path`. Node does not tell a server who its peer is, so the file system must keep others away: only the file's owner and, with
 * `group`, one group (SlurmUser's) may connect, from the first moment on. The folder must not be one that others may write to.
 * Throws `config_invalid` when another process answers there, or when the path cannot be used.
 */
export async function listenForHooks(options: {
  readonly path: string;
  /** Number of the group that may connect as well. */
  readonly group: number | undefined;
  readonly answer: (request: HookRequest) => Promise<HookAnswer>;
  readonly log: Log;
}): Promise<HookSocket> {
  const { path, log } = options;
  await checkFolder(dirname(path));
  await removeStale(path);
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    // A hook that was killed in the middle is nobody's trouble.
    socket.on('error', () => socket.destroy());
    void serve(socket).catch((error: unknown) => {
      log.error('a hook could not be answered', {}, error);
      socket.destroy();
    });
  });
  server.maxConnections = maxConnections;

  async function serve(socket: Socket): Promise<void> {
    let reply: HookAnswer;
    try {
      reply = await options.answer(await receive(socket));
    } catch (error) {
      const known = LeaseholdError.from(error);
      log.warn('a request of a hook was refused', {}, known);
      reply = { ok: false, why: known.message };
    }
    if (!socket.destroyed) socket.end(reply.ok ? 'OK\n' : `FAIL ${reply.why}\n`);
  }

  // Closed to others from its first moment: the mode comes from the mask, and chmod would come later.
  const mask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
  } catch (error) {
    throw new LeaseholdError('config_invalid', { detail: 'socket: cannot listen there', cause: error });
  } finally {
    process.umask(mask);
  }
  if (options.group !== undefined) {
    await chown(path, process.getuid?.() ?? 0, options.group);
    await chmod(path, 0o660);
  }
  return {
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}

function receive(socket: Socket): Promise<HookRequest> {
  const read = createRequestReader();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new LeaseholdError('deadline_exceeded')), requestMs);
    let isRead = false;
    const over = (detail: string) => () => {
      clearTimeout(timer);
      if (!isRead) reject(new LeaseholdError('request_invalid', { detail }));
    };
    socket.on('data', (chunk: Buffer) => {
      try {
        const request = read(chunk);
        if (request === undefined) return;
        isRead = true;
        clearTimeout(timer);
        resolve(request);
      } catch (error) {
        clearTimeout(timer);
        reject(LeaseholdError.from(error));
      }
    });
    socket.on('end', over('the request is not whole'));
    socket.on('close', over('the hook went away'));
  });
}

async function checkFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => undefined);
  // Whoever may write there could put a socket of their own in the place of ours.
  const isOurs = found !== undefined && (found.uid === 0 || found.uid === process.getuid?.());
  if (!isOurs || (found.mode & 0o022) !== 0)
    throw new LeaseholdError('config_invalid', {
      detail:
        'socket: its folder must be there, owned by root or by this user, and writable by its owner alone',
    });
}

/** A socket file outlives its process; one that somebody answers on is another process's. */
async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  const isAnswered = await new Promise<boolean>((resolve) => {
    const socket = connect(path, () => resolve(true));
    socket.on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
  if (isAnswered || !found.isSocket()) {
    throw new LeaseholdError('config_invalid', {
      detail: isAnswered ? 'socket: another process answers there' : 'socket: something else is there',
    });
  }
  await unlink(path);
}
