import { readFile } from 'node:fs/promises';
import { LeaseholdError } from '../src/platform/error.ts';

/** How a program is told that its files have changed. */
export type Notification =
  | { readonly kind: 'none' }
  | { readonly kind: 'signal'; readonly signal: NotifySignal; readonly pidFile: string }
  | { readonly kind: 'http'; readonly url: URL }
  /** However the holder reaches it; `delivery_failed` when it could not. */
  | { readonly kind: 'call'; readonly call: (signal: AbortSignal) => Promise<void> };

export const notifySignals = ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGTERM', 'SIGINT', 'SIGWINCH'] as const;
export type NotifySignal = (typeof notifySignals)[number];

const timeoutMs = 5_000;
/** Linux's own upper bound. */
const maxPid = 4_194_304;

/**
 * Tells the program once. Resolves when the signal is sent or the call was answered with 2xx; `delivery_failed` for
 * everything else, after at most five seconds. The generation's number is all that is told; a secret never is.
 */
export async function notify(
  notification: Notification,
  change: { readonly bundle: string; readonly number: number },
  signal: AbortSignal,
): Promise<void> {
  switch (notification.kind) {
    case 'none':
      return;
    case 'signal':
      return sendSignal(notification.signal, notification.pidFile);
    case 'http':
      return post(notification.url, change, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]));
    case 'call':
      return notification.call(signal);
  }
}

async function sendSignal(signal: NotifySignal, pidFile: string): Promise<void> {
  const pid = parsePid(await readPidFile(pidFile));
  try {
    process.kill(pid, signal);
  } catch (error) {
    throw failed('the signal could not be sent', error);
  }
}

async function readPidFile(pidFile: string): Promise<string> {
  try {
    return await readFile(pidFile, 'latin1');
  } catch (error) {
    throw failed('the pid file cannot be read', error);
  }
}

/** 0, 1 and negative numbers address whole groups, every process, or the container's first: never the program alone. */
export function parsePid(text: string): number {
  const digits = /^([1-9][0-9]{0,6})\s*$/.exec(text)?.[1];
  const pid = Number(digits ?? 0);
  if (pid < 2 || pid > maxPid || pid === process.pid) throw failed('the pid file does not name a process');
  return pid;
}

async function post(
  url: URL,
  change: { readonly bundle: string; readonly number: number },
  signal: AbortSignal,
): Promise<void> {
  // Only here, because the module costs a holder memory that most never need.
  const { request } = await import('node:http');
  const body = JSON.stringify({ bundle: change.bundle, generation: change.number });
  await new Promise<void>((resolve, reject) => {
    const call = request(url, {
      method: 'POST',
      signal,
      agent: false,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    });
    call.on('response', (response) => {
      response.resume();
      const status = response.statusCode ?? 0;
      // A redirect would lead the call away from the loopback address it was allowed for.
      if (status >= 200 && status < 300) resolve();
      else reject(failed('the call on change was not answered with success'));
      call.destroy();
    });
    call.on('error', (error) => reject(failed('the call on change failed', error)));
    call.end(body);
  });
}

function failed(detail: string, cause?: unknown): LeaseholdError {
  return new LeaseholdError('delivery_failed', cause === undefined ? { detail } : { detail, cause });
}
