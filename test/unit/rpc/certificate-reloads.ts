import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import type { ServerWorld } from './server-world.ts';

export const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1));

/** Rejects when the handshake fails. */
export async function completeHandshake(
  world: ServerWorld,
  address: string,
  options: ConnectionOptions = {},
): Promise<TLSSocket> {
  const socket = connect({
    host: '127.0.0.1',
    port: portOf(address),
    ca: world.ca.certificate,
    ALPNProtocols: ['h2'],
    ...options,
  });
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  return socket;
}

/**
 * Replaces certificate and key over and over, caught half-written at every stage, while connections are made one after the other: at least so
 * often, and until half as many were made. Returns how often; rejects with the first connection that failed.
 */
export async function reloadWhileConnecting(world: ServerWorld, least: number): Promise<number> {
  const sets = Array.from({ length: 8 }, () => world.ca.issueServer());
  const stop = new AbortController();
  let made = 0;
  let round = 0;
  const connecting = (async () => {
    while (!stop.signal.aborted) {
      const socket = await completeHandshake(world, world.rpc.workloads);
      socket.destroy();
      made += 1;
    }
  })();
  const write = async (file: string, content: string) => {
    await writeFile(file, content);
    await world.rpc.checkCertificates();
  };
  try {
    for (; round < least || made < least / 2; round += 1) {
      const set = sets[round % sets.length];
      if (set === undefined) continue;
      if (round % 3 === 0) await write(world.files.certificate, set.certificate.slice(0, 200));
      if (round % 3 === 1) await write(world.files.certificate, '');
      if (round % 3 === 2) await write(world.files.key, set.key.slice(0, 80));
      await write(world.files.certificate, set.certificate);
      await write(world.files.key, set.key);
    }
  } finally {
    stop.abort();
  }
  await connecting;
  return round;
}
