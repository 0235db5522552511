import { connect } from 'node:net';
import type { Clock } from '../../src/platform/clock.ts';
import { LeaseholdError } from '../../src/platform/error.ts';

export interface WaitForAgentOptions {
  readonly socket: string;
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Whether there is still a process that may come to answer. */
  readonly mayCome: () => boolean;
}

const pauseMs = 50;

/** Resolves once the agent at this socket answers hooks, and not before. Throws `deadline_exceeded` where none does. */
export async function waitForAgent({
  socket,
  clock,
  timeoutMs,
  mayCome,
}: WaitForAgentOptions): Promise<void> {
  const until = clock.monotonic() + timeoutMs;
  for (;;) {
    const leftMs = until - clock.monotonic();
    if (leftMs <= 0 || !mayCome())
      throw new LeaseholdError('deadline_exceeded', { detail: 'no agent answers at its socket' });
    const signal = AbortSignal.timeout(Math.ceil(leftMs));
    if (await isAnswered(socket, signal)) return;
    await clock.sleep(pauseMs, signal).catch(() => undefined);
  }
}

/** By the agent itself: a connection alone is the kernel's word, for a process that may hang. */
function isAnswered(path: string, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const peer = connect(path, () => peer.write('leasehold/1 ready\n\0'));
    let answer = '';
    peer.setEncoding('utf8').on('data', (text: string) => (answer += text));
    const onAbort = () => peer.destroy();
    signal.addEventListener('abort', onAbort);
    peer.on('error', () => undefined);
    peer.on('close', () => {
      signal.removeEventListener('abort', onAbort);
      resolve(answer === 'OK\n');
    });
  });
}
