import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the kernel's ephemeral range, so that an outgoing connection cannot take the port before its part does. */
const LOWEST = 15_000;
const HIGHEST = 32_000;
const ATTEMPTS = 200;
/** What is free is taken only a moment later, so processes that run side by side look at other ports, for all but one in so many of them. */
const SHARES = 61;

const handedOut = new Set<number>();

const isFree = async (port: number): Promise<boolean> => {
  const server = createServer();
  const listening = once(server, 'listening');
  server.listen({ port, host: '127.0.0.1', exclusive: true });
  try {
    await listening;
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
};

/** A loopback TCP port that nothing listens on and that this process has not handed out before. */
export const freePort = async (): Promise<number> => {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const port =
      randomInt(Math.ceil(LOWEST / SHARES), Math.floor(HIGHEST / SHARES)) * SHARES + (process.pid % SHARES);
    if (handedOut.has(port)) continue;
    handedOut.add(port);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free loopback port found in ${ATTEMPTS} attempts`);
};
