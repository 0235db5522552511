import { open } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import type { Clock } from '../platform/clock.ts';
import { LeaseholdError } from '../platform/error.ts';
import { withDeadline } from './abort.ts';
import { openGet, readBody } from './http-get.ts';
import { maxJwksBytes } from './jwks.ts';
import type { KubeClient } from './kube-client.ts';
import type { LoadJwks } from './keys.ts';

const timeoutMs = 5_000;
const maxCaBytes = 1024 * 1024;

export function jwksFromFile(options: { readonly path: string }): LoadJwks {
  return async () => readBounded(options.path, maxJwksBytes);
}

/** Throws `config_invalid` for an address that keys must not come from. */
export function jwksFromUrl(options: {
  readonly url: string;
  /** PEM file of the authority to trust instead of the system's; read for each load, so that it may be replaced. */
  readonly ca?: string | undefined;
  readonly clock: Clock;
}): LoadJwks {
  const url = checkJwksUrl(options.url);
  return async (signal) =>
    withDeadline(options.clock, timeoutMs, signal, async (limited) => {
      const ca = options.ca === undefined ? {} : { ca: await readBounded(options.ca, maxCaBytes) };
      const headers = { accept: 'application/jwk-set+json, application/json' };
      const response = await openGet(url, { ...ca, headers, agent: false }, limited);
      if (response.statusCode !== 200) {
        response.destroy();
        throw new LeaseholdError('identity_unavailable', {
          detail: `JWKS address answered ${response.statusCode ?? 0}`,
        });
      }
      return readBody(response, maxJwksBytes);
    });
}

/** The API server's own endpoint; the broker's account needs `system:service-account-issuer-discovery`. */
export function jwksFromApi(options: { readonly client: KubeClient }): LoadJwks {
  return async (signal) => {
    const reply = await options.client.get('/openid/v1/jwks', {
      query: {},
      accept: 'application/jwk-set+json',
      maxBytes: maxJwksBytes,
      timeoutMs,
      signal,
    });
    if (reply.status !== 200)
      throw new LeaseholdError('identity_unavailable', { detail: `API server answered ${reply.status}` });
    return reply.body;
  };
}

/**
 * Who can alter the reply chooses the keys that we trust: https, or plain http that does not leave the machine (a literal
 * loopback address; a name could be made to resolve elsewhere).
 */
export function checkJwksUrl(address: string): URL {
  const refuse = (rule: string) =>
    new LeaseholdError('config_invalid', { detail: `clusters.keys.url ${rule}` });
  if (!URL.canParse(address)) throw refuse('is not a URL');
  const url = new URL(address);
  if (url.username !== '' || url.password !== '') throw refuse('holds credentials');
  const isLoopback = (isIPv4(url.hostname) && url.hostname.startsWith('127.')) || url.hostname === '[::1]';
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback)) throw refuse('is not https');
  return url;
}

async function readBounded(path: string, maxBytes: number): Promise<Buffer> {
  try {
    const file = await open(path, 'r');
    try {
      const buffer = Buffer.alloc(maxBytes + 1);
      const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, 0);
      if (bytesRead > maxBytes)
        throw new LeaseholdError('identity_unavailable', { detail: 'file too large' });
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof LeaseholdError) throw cause;
    throw new LeaseholdError('identity_unavailable', { detail: 'file not readable', cause });
  }
}
