import nodeVault from 'node-vault';
import { LeaseholdError } from '../../platform/error.ts';
import type { Secret } from '../../platform/secret.ts';
import type { BackendClock } from './backend-clock.ts';
import type { HttpSender } from './http-sender.ts';
import { encodeVaultPath } from './vault-address.ts';
import type { JudgedReply } from './vault-reply.ts';
import { judgeReply } from './vault-reply.ts';

/** One API call. */
export interface VaultCall {
  readonly method: 'GET' | 'POST';
  /** Without `/v1/`, not encoded. */
  readonly path: string;
  readonly query?: string;
  readonly body?: Readonly<Record<string, unknown>>;
  /** Left out for logins and health. */
  readonly token?: Secret;
  readonly limitMs: number;
  /** Left out where a request that was sent must run to its end. */
  readonly signal?: AbortSignal;
  /** Code of a 404. Default `backend_rejected`. */
  readonly missing?: 'backend_not_found' | 'backend_rejected';
  /** For paths that exist in the root namespace only. */
  readonly rootNamespace?: boolean;
}

/** The API of one Vault or OpenBao. Throws LeaseholdError only. */
export interface VaultClient {
  call(call: VaultCall): Promise<JudgedReply>;
}

/** What node-vault hands to its request function, with what we put in ourselves. */
interface NodeVaultRequest {
  readonly uri: string;
  readonly method: string;
  readonly json?: unknown;
  readonly headers: Readonly<Record<string, string>>;
  readonly call: VaultCall;
}

/**
 * node-vault with its transport replaced. Its own would follow redirects with the token, obey VAULT_SKIP_VERIFY, put
 * bodies into errors and has no signal. What is left of it builds the request and takes the reply apart. One client
 * serves all tokens: its `token` and `namespace` are shared and mutable, so both stay empty and travel with each call.
 */
export function createVaultClient(options: {
  readonly origin: URL;
  readonly namespace?: string;
  readonly sender: HttpSender;
  readonly backendClock: BackendClock;
}): VaultClient {
  const { origin, sender, backendClock } = options;

  const request = async (asked: NodeVaultRequest) => {
    const { call } = asked;
    const url = new URL(asked.uri);
    // node-vault rewrites some text in addresses; what is sent must be what was meant.
    const target = `/v1/${encodeVaultPath(call.path)}${call.query === undefined ? '' : `?${call.query}`}`;
    if (url.origin !== origin.origin || url.pathname + url.search !== target)
      throw new LeaseholdError('request_invalid', { detail: 'the backend path is not in its plain form' });
    const raw = await sender.send({
      method: asked.method,
      target,
      headers: asked.headers,
      body: asked.json === undefined ? undefined : JSON.stringify(asked.json),
      limitMs: call.limitMs,
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    });
    const { headers, receivedAt } = raw;
    const reply = judgeReply(raw, { missing: call.missing ?? 'backend_rejected' });
    backendClock.observe(headers['date'], receivedAt);
    // Only what is good reaches node-vault, so that it never builds one of its own errors.
    return { statusCode: 200, body: reply, request: { path: url.pathname } };
  };

  const client = nodeVault({
    endpoint: origin.origin,
    apiVersion: 'v1',
    'request-promise': { defaults: () => request },
    // DEBUG=node-vault prints request bodies.
    debug: () => undefined,
  });
  // What the environment may have filled in.
  client.endpoint = origin.origin;
  client.token = '';
  Object.assign(client, { pathPrefix: '', namespace: '' });

  return {
    call: async (call) => {
      const path = `/${encodeVaultPath(call.path)}${call.query === undefined ? '' : `?${call.query}`}`;
      const headers = {
        accept: 'application/json',
        'x-vault-request': 'true',
        ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(call.token === undefined
          ? {}
          : { 'x-vault-token': Buffer.from(call.token.open()).toString('latin1') }),
        ...(options.namespace === undefined || call.rootNamespace === true
          ? {}
          : { 'x-vault-namespace': options.namespace }),
      };
      try {
        const reply: unknown = await client.request({
          path,
          method: call.method,
          headers,
          ...(call.body === undefined ? {} : { json: call.body }),
          call,
        });
        // The function above is the only source of replies; node-vault passes them through untyped.
        return reply as JudgedReply;
      } catch (error) {
        throw named(LeaseholdError.from(error), call);
      }
    },
  };
}

/** Says which call it was. Paths are configuration; ids and accessors travel in bodies. */
function named(error: LeaseholdError, call: VaultCall): LeaseholdError {
  return new LeaseholdError(error.code, {
    detail: `${call.method} ${call.path}: ${error.detail ?? 'failed'}`,
    ...(error.cause === undefined ? {} : { cause: error.cause }),
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
  });
}
