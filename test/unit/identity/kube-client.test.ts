import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { WatchRefused, createKubeClient } from '../../../src/identity/kube-client.ts';
import type { KubeClient } from '../../../src/identity/kube-client.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { createTestCa } from '../../support/certificates.ts';
import type { TestCa } from '../../support/certificates.ts';
import { createTempFolder } from '../../support/temp-folder.ts';
import { FakeClock } from './fake-clock.ts';
import { expectRefusal } from './refusal.ts';

const signal = new AbortController().signal;
const cleanup: (() => Promise<unknown> | undefined)[] = [];
afterEach(async () => {
  for (const undo of cleanup.splice(0).reverse()) await undo();
});

const base64 = (text: string) => Buffer.from(text).toString('base64');

interface ConfigChanges {
  readonly cluster?: Record<string, unknown>;
  readonly user?: Record<string, unknown>;
}

async function aServer(listener: RequestListener, ca: TestCa = createTestCa()) {
  const { certificate, key } = ca.issueServer();
  const tls = { cert: certificate, key, ca: ca.certificate, requestCert: true, rejectUnauthorized: false };
  const server = createServer(tls, listener);
  const clients: unknown[] = [];
  server.on('secureConnection', (socket) =>
    clients.push(socket.authorized ? socket.getPeerCertificate().subject.CN : undefined),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanup.push(
    () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  );
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const folder = await createTempFolder({ name: 'kube-client' });
  cleanup.push(() => folder.remove());
  const kubeconfig = join(folder.path, 'kubeconfig');
  const configure = (changes: ConfigChanges = {}) =>
    writeFile(
      kubeconfig,
      // JSON is YAML.
      JSON.stringify({
        'current-context': 'test',
        contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
        clusters: [
          {
            name: 'test',
            cluster: {
              server: `https://127.0.0.1:${address.port}`,
              'certificate-authority-data': base64(ca.certificate),
              ...changes.cluster,
            },
          },
        ],
        users: [{ name: 'test', user: changes.user ?? { token: 'token-one' } }],
      }),
    );
  await configure();
  return { port: address.port, kubeconfig, configure, ca, clients };
}

function aClient(kubeconfig: string, clock = systemClock): KubeClient {
  const client = createKubeClient({ api: { kubeconfig }, clock });
  cleanup.push(async () => client.close());
  return client;
}

const get = (client: KubeClient, path = '/api/v1/pods', query: Record<string, string> = {}) =>
  client.get(path, { query, maxBytes: 1_000, timeoutMs: 5_000, signal });

async function linesOf(client: KubeClient): Promise<string[]> {
  const lines: string[] = [];
  const options = { query: { watch: 'true' }, maxLineBytes: 1_000, idleMs: 10_000, signal };
  for await (const line of client.watch('/api/v1/pods', options)) lines.push(line);
  return lines;
}

describe('createKubeClient', () => {
  it.each([
    ['that turns certificate verification off', { 'insecure-skip-tls-verify': true }],
    ['with a server without TLS', { server: 'http://127.0.0.1:1', 'insecure-skip-tls-verify': true }],
    ['with a server without TLS and nothing said of it', { server: 'http://127.0.0.1:1' }],
  ])('refuses a kubeconfig %s, and sends nothing', async (_what, cluster) => {
    const asked: string[] = [];
    const server = await aServer((request, response) => {
      asked.push(request.url ?? '');
      response.end('{}');
    });
    await server.configure({ cluster });
    await expectRefusal(() => get(aClient(server.kubeconfig)), 'config_invalid');
    expect(asked).toEqual([]);
  });

  it('refuses a server that the configured authority did not sign', async () => {
    const server = await aServer((_request, response) => response.end('{}'));
    await server.configure({ cluster: { 'certificate-authority-data': base64(createTestCa().certificate) } });
    await expectRefusal(() => get(aClient(server.kubeconfig)), 'identity_unavailable');
  });

  it('refuses a kubeconfig that is missing or names no cluster', async () => {
    const server = await aServer((_request, response) => response.end('{}'));
    await expectRefusal(() => get(aClient(`${server.kubeconfig}.missing`)), 'identity_unavailable');
    await writeFile(server.kubeconfig, '{}');
    await expectRefusal(() => get(aClient(server.kubeconfig)), 'config_invalid');
  });

  it('gives a redirect as the answer it is and takes its credentials nowhere else', async () => {
    const other: string[] = [];
    const target = await aServer((request, response) => {
      other.push(request.headers.authorization ?? '');
      response.end('{}');
    });
    const server = await aServer((_request, response) => {
      response.writeHead(307, { location: `https://127.0.0.1:${target.port}/` }).end();
    });
    const client = aClient(server.kubeconfig);
    expect((await get(client)).status).toBe(307);
    await expect(linesOf(client)).rejects.toEqual(new WatchRefused(307));
    expect(other).toEqual([]);
  });

  it('sends the token and the query, and keeps its connection', async () => {
    const seen: unknown[] = [];
    const server = await aServer((request, response) => {
      seen.push([request.url, request.headers.authorization]);
      response.end('{"ok":true}');
    });
    const client = aClient(server.kubeconfig);
    await get(client, '/api/v1/pods', { limit: '2', continue: 'a&b=c' });
    expect(String((await get(client)).body)).toBe('{"ok":true}');
    expect(seen).toEqual([
      ['/api/v1/pods?limit=2&continue=a%26b%3Dc', 'Bearer token-one'],
      ['/api/v1/pods', 'Bearer token-one'],
    ]);
    expect(server.clients).toHaveLength(1);
  });

  it('shows its client certificate', async () => {
    const server = await aServer((_request, response) => response.end('{}'));
    const { certificate, key } = server.ca.issueClient({ commonName: 'broker' });
    await server.configure({
      user: { 'client-certificate-data': base64(certificate), 'client-key-data': base64(key) },
    });
    await get(aClient(server.kubeconfig));
    expect(server.clients).toEqual(['broker']);
  });

  it('reads its credentials again after they were refused', async () => {
    const server = await aServer((request, response) => {
      response.writeHead(request.headers.authorization === 'Bearer token-two' ? 200 : 401).end('{}');
    });
    const client = aClient(server.kubeconfig);
    expect((await get(client)).status).toBe(401);
    await server.configure({ user: { token: 'token-two' } });
    expect((await get(client)).status).toBe(200);
  });

  it('bounds the size of an answer and the time it waits for one', async () => {
    const asked = Promise.withResolvers<undefined>();
    const server = await aServer((request, response) => {
      if (request.url === '/large') response.end('x'.repeat(1_001));
      else asked.resolve(undefined);
    });
    await expectRefusal(() => get(aClient(server.kubeconfig), '/large'), 'identity_unavailable', /too large/);
    const clock = new FakeClock();
    const refused = expectRefusal(
      () => get(aClient(server.kubeconfig, clock), '/silent'),
      'identity_unavailable',
    );
    await asked.promise;
    await clock.advance(5_000);
    await refused;
    expect(clock.pending).toBe(0);
  });

  it('follows a watch to its end', async () => {
    const server = await aServer((_request, response) => {
      response.write('{"type":"A"}\n{"ty');
      setImmediate(() => response.end('pe":"B"}\n'));
    });
    expect(await linesOf(aClient(server.kubeconfig))).toEqual(['{"type":"A"}', '{"type":"B"}']);
  });

  it('gives up a watch on which nothing comes any more', async () => {
    const server = await aServer((_request, response) => {
      response.write('{"type":"A"}\n');
    });
    const clock = new FakeClock();
    const lines = aClient(server.kubeconfig, clock)
      .watch('/api/v1/pods', { query: {}, maxLineBytes: 1_000, idleMs: 10_000, signal })
      [Symbol.asyncIterator]();
    expect(await lines.next()).toEqual({ done: false, value: '{"type":"A"}' });
    const refused = expectRefusal(() => lines.next(), 'identity_unavailable', /broke off/);
    await clock.advance(10_000);
    await refused;
    expect(clock.pending).toBe(0);
  });

  it('ends a watch when it is told to, or when its connection breaks', async () => {
    const server = await aServer((request, response) => {
      response.write('{"type":"A"}\n');
      if (request.url?.includes('break') === true) setImmediate(() => response.destroy());
    });
    for (const path of ['/break', '/stop']) {
      const stop = new AbortController();
      const watch = aClient(server.kubeconfig).watch(path, {
        query: {},
        maxLineBytes: 1_000,
        idleMs: 60_000,
        signal: stop.signal,
      });
      await expectRefusal(async () => {
        for await (const line of watch) if (path === '/stop') stop.abort(line);
      }, 'identity_unavailable');
    }
  });
});
