import { reconnectMs } from '../../sidecar/hold.ts';
import { createBackoff } from '../../sidecar/backoff.ts';
import type { HoldersReply, HoldersRequest } from './failover-messages.ts';
import { type Held, hold } from './hold.ts';

/** A process of holders that come back as a sidecar does: the next address of an order of their own, after a pause with full jitter. */

const atOnce = 64;
const longestMs = 110_000;
const quietMs = 3_000;

process.once('message', (message) => {
  // Sent by the benchmark itself.
  void run(message as HoldersRequest);
});

async function run(request: HoldersRequest): Promise<void> {
  const { addresses, tokens } = request;
  const heldAgainAt: number[] = [];
  let replaced = 0;
  let away = 0;

  const holdAt = (token: string, address: string | undefined, resume: Held | undefined) =>
    hold({
      endpoint: { address: address ?? '', ca: Buffer.from(request.ca), serverName: 'localhost' },
      token,
      bundle: 'db',
      resume,
      signal: AbortSignal.timeout(longestMs),
    });

  /** From the end of its stream until another broker has it. */
  const comeBack = async (token: string, lost: Held, from: string | undefined): Promise<void> => {
    away += 1;
    const others = addresses.filter((address) => address !== from);
    const backoff = createBackoff({
      firstMs: reconnectMs.first,
      capMs: reconnectMs.cap,
      random: Math.random,
    });
    let turn = Math.floor(Math.random() * others.length);
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, backoff.next()));
      const address = others[turn % others.length];
      turn += 1;
      try {
        const held = await holdAt(token, address, lost);
        heldAgainAt.push(Date.now());
        if (held.generation !== lost.generation) replaced += 1;
        away -= 1;
        return;
      } catch {
        // Refused, or nobody there: on to the next, later.
      }
    }
  };

  let next = 0;
  const worker = async (): Promise<void> => {
    for (;;) {
      const index = next;
      next += 1;
      const token = tokens[index];
      if (token === undefined) return;
      const address = addresses[index % request.startAt];
      const held = await holdAt(token, address, undefined);
      void held.ended.then(() => comeBack(token, held, address));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  const say = () => process.send?.({ heldAgainAt, replaced } satisfies HoldersReply);
  // Told that a broker has gone; answers when nobody has been away for a while.
  process.once('message', () => {
    let quiet = 0;
    const look = setInterval(() => {
      quiet = away === 0 && heldAgainAt.length > 0 ? quiet + 250 : 0;
      if (quiet < quietMs) return;
      clearInterval(look);
      say();
    }, 250);
  });
  say();
}
