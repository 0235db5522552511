import { once } from 'node:events';
import { createServer } from 'node:http';

/** The program of a pod, as far as a sidecar sees it: told of every change, it says whether it has taken it over. */
export interface Program extends AsyncDisposable {
  readonly url: string;
  /** How often it was told. */
  told(): number;
  /** While false it refuses to take a change over. */
  setWilling(willing: boolean): void;
}

export const startProgram = async (): Promise<Program> => {
  let isWilling = true;
  let told = 0;
  const server = createServer((request, response) => {
    request.resume();
    told += 1;
    response.writeHead(isWilling ? 204 : 503).end();
  });
  server.listen({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the program has no port');
  return {
    url: `http://127.0.0.1:${address.port}/changed`,
    told: () => told,
    setWilling: (willing) => {
      isWilling = willing;
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
};
