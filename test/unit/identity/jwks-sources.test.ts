import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { checkJwksUrl, jwksFromFile, jwksFromUrl } from '../../../src/identity/jwks-sources.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { FakeClock, settle } from './fake-clock.ts';
import { expectRefusal } from './refusal.ts';

const signal = new AbortController().signal;
const cleanup: (() => Promise<unknown> | undefined)[] = [];
afterEach(async () => {
  for (const undo of cleanup.splice(0).reverse()) await undo();
});

async function aServer(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
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
  return `http://127.0.0.1:${address.port}`;
}

describe('checkJwksUrl', () => {
  it.each([
    'http://issuer.example/jwks',
    'http://localhost/jwks',
    'http://10.0.0.1/jwks',
    'http://127.0.0.1.evil.example/jwks',
    'http://[::2]/jwks',
    'ftp://127.0.0.1/jwks',
    'file:///etc/jwks',
    'https://user:password@issuer.example/jwks',
    'https://user@issuer.example/jwks',
    'issuer.example/jwks',
    '',
  ])('refuses %s', async (url) => {
    await expectRefusal(() => checkJwksUrl(url), 'config_invalid', /^clusters.keys.url/);
  });

  it.each(['https://issuer.example/jwks', 'http://127.0.0.1:8001/jwks', 'http://[::1]:8001/jwks'])(
    'accepts %s',
    (url) => {
      expect(checkJwksUrl(url).href).toBe(url);
    },
  );
});

describe('jwksFromUrl', () => {
  it('does not follow a redirect', async () => {
    const asked: string[] = [];
    const url = await aServer((request, response) => {
      asked.push(request.url ?? '');
      if (request.url === '/jwks') response.writeHead(302, { location: '/other' }).end();
      else response.end('{}');
    });
    const load = jwksFromUrl({ url: `${url}/jwks`, clock: systemClock });
    await expectRefusal(() => load(signal), 'identity_unavailable', /answered 302/);
    expect(asked).toEqual(['/jwks']);
  });

  it('refuses an error page, a body without end and a connection that breaks', async () => {
    const url = await aServer((request, response) => {
      if (request.url === '/error') response.writeHead(500).end('canary');
      else if (request.url === '/broken')
        response.writeHead(200, { 'content-length': '100' }).end('{', () => response.destroy());
      else {
        const more = () => {
          while (!response.destroyed && response.write('x'.repeat(65_536)));
          if (!response.destroyed) response.once('drain', more);
        };
        more();
      }
    });
    const from = (path: string) => jwksFromUrl({ url: url + path, clock: systemClock })(signal);
    await expectRefusal(() => from('/error'), 'identity_unavailable', /answered 500/);
    await expectRefusal(() => from('/broken'), 'identity_unavailable', /broke off/);
    await expectRefusal(() => from('/endless'), 'identity_unavailable', /too large/);
  });

  it('gives up on a server that does not answer', async () => {
    const asked = Promise.withResolvers<undefined>();
    const url = await aServer(() => asked.resolve(undefined));
    const clock = new FakeClock();
    const refused = expectRefusal(() => jwksFromUrl({ url, clock })(signal), 'identity_unavailable');
    await asked.promise;
    await clock.advance(5_000);
    await refused;
    await settle();
    expect(clock.pending).toBe(0);
  });

  it('reads what is there', async () => {
    const url = await aServer((_request, response) => response.end('{"keys":[]}'));
    expect(String(await jwksFromUrl({ url, clock: systemClock })(signal))).toBe('{"keys":[]}');
  });
});

describe('jwksFromFile', () => {
  it('reads the file as it is now and refuses one that is missing or too large', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'leasehold-jwks-'));
    cleanup.push(() => rm(folder, { recursive: true }));
    const path = join(folder, 'jwks.json');
    const load = jwksFromFile({ path });
    await expectRefusal(() => load(signal), 'identity_unavailable', /not readable/);
    await writeFile(path, 'one');
    expect(String(await load(signal))).toBe('one');
    await writeFile(path, 'two');
    expect(String(await load(signal))).toBe('two');
    await writeFile(path, 'x'.repeat(256 * 1024 + 1));
    await expectRefusal(() => load(signal), 'identity_unavailable', /too large/);
  });
});
