import { readFile } from 'node:fs/promises';
import { LeaseholdError } from '../../platform/error.ts';
import { Secret } from '../../platform/secret.ts';
import type { VaultClient } from './vault-client.ts';
import type { VaultAuth } from './vault-config.ts';
import { loginReply, ownToken, parseBody } from './vault-schemas.ts';

/** The broker's own token as it came in. */
export interface LoggedIn {
  readonly token: Secret;
  /** 0: does not expire. */
  readonly ttlSeconds: number;
  readonly renewable: boolean;
}

const limitMs = 15_000;
const longestCredentialBytes = 64 * 1024;

/** One login. Files are read now. Throws `config_invalid` for a file that cannot be used, else `backend_*` codes. */
export async function logIn(options: {
  readonly client: VaultClient;
  readonly auth: VaultAuth;
  readonly signal: AbortSignal;
}): Promise<LoggedIn> {
  const { client, auth, signal } = options;
  if (auth.kind === 'token') {
    const token = Secret.ofText(await readCredential(auth.tokenFile, 'tokenFile'));
    return { token, ...(await lookUpSelf({ client, token, signal })) };
  }
  const body =
    auth.kind === 'appRole'
      ? {
          role_id: await readCredential(auth.roleIdFile, 'roleIdFile'),
          secret_id: await readCredential(auth.secretIdFile, 'secretIdFile'),
        }
      : { role: auth.role, jwt: await readCredential(auth.tokenFile, 'tokenFile') };
  const reply = await client.call({
    method: 'POST',
    path: `auth/${auth.mount}/login`,
    body,
    limitMs,
    signal,
  });
  const found = parseBody(loginReply, reply, 'login').auth;
  const token = Secret.ofText(found.client_token);
  const { ttlSeconds } = await lookUpSelf({ client, token, signal });
  return { token, ttlSeconds, renewable: found.renewable };
}

/**
 * What the token says of itself. Throws `backend_denied` when it is not valid, and for a root token: the broker's token
 * must not be able to read a secret.
 */
export async function lookUpSelf(options: {
  readonly client: VaultClient;
  readonly token: Secret;
  readonly signal: AbortSignal;
}): Promise<{ readonly ttlSeconds: number; readonly renewable: boolean }> {
  const { client, token, signal } = options;
  const reply = await client.call({ method: 'GET', path: 'auth/token/lookup-self', token, limitMs, signal });
  const { ttl, renewable, policies } = parseBody(ownToken, reply, 'look-up of the own token').data;
  if (policies.includes('root'))
    throw new LeaseholdError('backend_denied', {
      detail: "the broker's token holds the root policy, which is refused",
    });
  return { ttlSeconds: ttl, renewable: renewable ?? false };
}

/** Seconds granted. */
export async function renewSelf(options: {
  readonly client: VaultClient;
  readonly token: Secret;
  readonly signal: AbortSignal;
}): Promise<number> {
  const { client, token, signal } = options;
  const reply = await client.call({
    method: 'POST',
    path: 'auth/token/renew-self',
    body: {},
    token,
    limitMs,
    signal,
  });
  return parseBody(loginReply, reply, 'renewal of the own token').auth.lease_duration;
}

/** First line of a credential file, without the line end. */
async function readCredential(file: string, name: string): Promise<string> {
  const refuse = (rule: string, cause?: unknown) =>
    new LeaseholdError('config_invalid', { detail: `backend.vault.auth ${name} ${rule}`, cause });
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw refuse('cannot be read', error);
  }
  const value = bytes.toString('utf8').trim();
  if (value === '' || bytes.byteLength > longestCredentialBytes) throw refuse('is empty or too long');
  // A line end or control character inside would otherwise surface as an error of the HTTP library.
  if (!/^[\x21-\x7e]+$/.test(value)) throw refuse('holds characters that no credential has');
  return value;
}
