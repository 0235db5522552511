import type { Clock } from '../../platform/clock.ts';
import { LeaseholdError, hasCode } from '../../platform/error.ts';
import type { Log } from '../../platform/log.ts';
import { Secret } from '../../platform/secret.ts';
import type { Backend, Presence } from '../backend.ts';
import type { CertificateSigner } from '../certificate-signer.ts';
import { createBackendClock } from './backend-clock.ts';
import { createHttpSender } from './http-sender.ts';
import type { LoginState } from './login.ts';
import { createVaultLogin } from './login.ts';
import { isDynamicRead, secretFromReply } from './read-secret.ts';
import { readAuthorities } from './read-authorities.ts';
import { withRetries } from './retry.ts';
import { tokenFault } from './token-fault.ts';
import { parseVaultAddress } from './vault-address.ts';
import type { VaultCall } from './vault-client.ts';
import { createVaultClient } from './vault-client.ts';
import type { VaultConfig } from './vault-config.ts';
import { longestProbationSeconds } from './vault-config.ts';
import type { JudgedReply } from './vault-reply.ts';
import {
  createdToken,
  health,
  leaseLookup,
  leaseRenewal,
  parseBody,
  signedCertificate,
  tokenLookup,
  tokenRenewal,
} from './vault-schemas.ts';

/** The port, and what the broker shows of its own login. */
export interface VaultBackend extends Backend, CertificateSigner {
  loginState(): LoginState;
}

export interface VaultBackendOptions {
  readonly config: VaultConfig;
  readonly clock: Clock;
  readonly log: Log;
  /** 0 to 1, for jitter. */
  readonly random?: () => number;
}

const lookupLimitMs = 15_000;
const renewalLimitMs = 30_000;
const healthLimitMs = 5000;
const firstLoginLimitMs = 10_000;
/** Past the backend's own limit, so that its answer to "too slow" still arrives. */
const graceMs = 2000;

/**
 * Vault or OpenBao. Throws `config_invalid` for settings and files that cannot be used. A backend that is away does not
 * stop it: the first login is tried once, and after that whenever a call needs one.
 */
export async function createVaultBackend(options: VaultBackendOptions): Promise<VaultBackend> {
  const { config, clock, log, random = Math.random } = options;
  const { probationSeconds } = config;
  if (
    !Number.isInteger(probationSeconds) ||
    probationSeconds < 1 ||
    probationSeconds > longestProbationSeconds
  )
    throw new LeaseholdError('config_invalid', { detail: 'backend.vault.probationSeconds must be 1 to 60' });
  const origin = parseVaultAddress(config.address);
  const ca = config.ca === undefined ? {} : { ca: await readAuthorities(config.ca) };
  const requestLimitMs = config.requestLimitSeconds * 1000;
  const longLimitMs = requestLimitMs + graceMs;

  const sender = createHttpSender({ origin, clock, ...ca });
  const backendClock = createBackendClock({ clock });
  const namespace = config.namespace === undefined ? {} : { namespace: config.namespace };
  const client = createVaultClient({ origin, sender, backendClock, ...namespace });
  const login = createVaultLogin({ client, auth: config.auth, clock, log, random });

  /** With the broker's token. A 403 was not carried out, so it is repeated once when the token turns out to be dead. */
  const asBroker = async (call: Omit<VaultCall, 'token'>, signal: AbortSignal): Promise<JudgedReply> => {
    const token = await login.token({ signal });
    try {
      return await client.call({ ...call, token });
    } catch (error) {
      if (!hasCode(error, 'backend_denied') || !(await login.isDead(token, { signal }))) throw error;
      return client.call({ ...call, token: await login.token({ signal }) });
    }
  };
  const repeatable = <T>(signal: AbortSignal, call: (attempt: number) => Promise<T>) =>
    withRetries(call, { clock, random, signal });
  const post = (
    path: string,
    body: Readonly<Record<string, unknown>>,
    limits: { readonly limitMs: number; readonly signal: AbortSignal },
  ) => asBroker({ method: 'POST', path, body, ...limits }, limits.signal);

  const lookUp = (
    path: string,
    body: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
    read: (reply: JudgedReply) => number,
  ): Promise<Presence> =>
    repeatable(signal, async () => {
      const reply = await post(path, body, { limitMs: lookupLimitMs, signal });
      return reply.kind === 'gone' ? { present: false } : { present: true, ttlSeconds: read(reply) };
    });

  /** A renewal that is repeated asks for less, so that it ends when the first one would have. */
  const renew = (
    path: string,
    body: Readonly<Record<string, unknown>>,
    asked: { readonly incrementSeconds: number; readonly signal: AbortSignal },
    read: (reply: JudgedReply) => number,
  ) => {
    const startedAt = clock.monotonic();
    return repeatable(asked.signal, async () => {
      const passed = Math.ceil((clock.monotonic() - startedAt) / 1000);
      const increment = Math.max(1, Math.floor(asked.incrementSeconds) - (passed > 1 ? passed : 0));
      const reply = await post(
        path,
        { ...body, increment },
        { limitMs: renewalLimitMs, signal: asked.signal },
      );
      if (reply.kind === 'gone') throw new LeaseholdError('backend_not_found');
      return { ttlSeconds: read(reply) };
    });
  };

  const mismatch = (what: string) =>
    new LeaseholdError('backend_reply_invalid', { detail: `${what}: the reply is about something else` });
  const checkHealth = (signal: AbortSignal) =>
    repeatable(signal, async () =>
      parseBody(
        health,
        await client.call({
          method: 'GET',
          path: 'sys/health',
          query: 'standbyok=true&perfstandbyok=true',
          limitMs: healthLimitMs,
          signal,
          rootNamespace: true,
        }),
        'health',
      ),
    );
  const revokeToken = (accessor: string, signal: AbortSignal) =>
    repeatable(signal, async () => {
      await post('auth/token/revoke-accessor', { accessor }, { limitMs: longLimitMs, signal });
    });

  /** Also for a reply that cannot be parsed: what names an accessor can be revoked. */
  const discard = async (reply: JudgedReply, tokenRole: string, intent: string): Promise<void> => {
    const accessor = accessorIn(reply);
    try {
      if (accessor !== undefined) await revokeToken(accessor, AbortSignal.timeout(longLimitMs));
    } catch (error) {
      log.error('a token that failed its check could not be revoked', { tokenRole, intent }, error);
    }
  };

  const backend: VaultBackend = {
    probationSeconds,
    requestLimitMs,
    now: () => backendClock.now(),
    loginState: () => login.state(),
    clusterId: async ({ signal }) => (await checkHealth(signal)).cluster_id,
    checkHealth: async ({ signal }) => {
      await checkHealth(signal);
    },
    createToken: async ({ tokenRole, intent, signal }) => {
      // A text: the printed policy compares the value exactly, and 60 is not "60s".
      const body = { ttl: `${probationSeconds}s`, meta: { intent } };
      const path = `auth/token/create/${tokenRole}`;
      // Without the signal: a creation that was sent happens, and its reply is the only way to its accessor.
      const reply = await asBroker({ method: 'POST', path, body, limitMs: longLimitMs }, signal);
      const auth = createdToken.safeParse(reply.kind === 'body' ? reply.body : undefined);
      const fault = auth.success ? tokenFault(auth.data.auth, { probationSeconds }) : 'shape';
      if (!auth.success || fault !== undefined) {
        await discard(reply, tokenRole, intent);
        throw new LeaseholdError('backend_reply_invalid', {
          detail: `new token of role ${tokenRole}: ${fault ?? 'shape'}`,
        });
      }
      const { client_token, accessor, lease_duration } = auth.data.auth;
      return { token: Secret.ofText(client_token), accessor, ttlSeconds: lease_duration };
    },
    read: async ({ token, source, signal }) => {
      const call = { method: 'GET', path: source.path, token, missing: 'backend_not_found' } as const;
      if (signal.aborted) throw new LeaseholdError('cancelled');
      if (isDynamicRead(source))
        return secretFromReply(source, await client.call({ ...call, limitMs: longLimitMs }));
      return repeatable(signal, async () =>
        secretFromReply(source, await client.call({ ...call, limitMs: renewalLimitMs, signal })),
      );
    },
    renewToken: ({ accessor, ...asked }) =>
      renew(
        'auth/token/renew-accessor',
        { accessor },
        asked,
        (reply) => parseBody(tokenRenewal, reply, 'renewal of a token').auth.lease_duration,
      ),
    renewLease: ({ leaseId, ...asked }) =>
      renew('sys/leases/renew', { lease_id: leaseId }, asked, (reply) => {
        const found = parseBody(leaseRenewal, reply, 'renewal of a lease');
        if (found.lease_id !== leaseId) throw mismatch('renewal of a lease');
        return found.lease_duration;
      }),
    lookupToken: ({ accessor, signal }) =>
      lookUp('auth/token/lookup-accessor', { accessor }, signal, (reply) => {
        const { data } = parseBody(tokenLookup, reply, 'look-up of a token');
        if (data.accessor !== accessor) throw mismatch('look-up of a token');
        return data.ttl;
      }),
    lookupLease: ({ leaseId, signal }) =>
      lookUp('sys/leases/lookup', { lease_id: leaseId }, signal, (reply) => {
        const { data } = parseBody(leaseLookup, reply, 'look-up of a lease');
        if (data.id !== leaseId) throw mismatch('look-up of a lease');
        return data.ttl;
      }),
    revokeLease: ({ leaseId, signal }) =>
      repeatable(signal, async () => {
        await post('sys/leases/revoke', { lease_id: leaseId, sync: true }, { limitMs: longLimitMs, signal });
      }),
    revokeToken: ({ accessor, signal }) => revokeToken(accessor, signal),
    signCertificate: ({ mount, role, request, uri, ttlSeconds, signal }) =>
      repeatable(signal, async () => {
        // Texts: the printed policy compares them exactly.
        const body = { csr: request, uri_sans: uri, ttl: `${ttlSeconds}s` };
        const reply = await post(`${mount}/sign/${role}`, body, { limitMs: renewalLimitMs, signal });
        const { certificate, ca_chain, issuing_ca } = parseBody(signedCertificate, reply, 'signing').data;
        return { certificate, authorities: ca_chain ?? [issuing_ca] };
      }),
    [Symbol.asyncDispose]: async () => {
      login.close();
      sender.close();
    },
  };

  await login.token({ signal: AbortSignal.timeout(firstLoginLimitMs) }).catch((error: unknown) => {
    // The files of the login may be put right later, like the backend itself; the warning is in the log.
    if (!(error instanceof LeaseholdError)) throw error;
  });
  return backend;
}

function accessorIn(reply: JudgedReply): string | undefined {
  const auth: unknown = reply.kind === 'body' ? Reflect.get(reply.body, 'auth') : undefined;
  const accessor: unknown =
    typeof auth === 'object' && auth !== null ? Reflect.get(auth, 'accessor') : undefined;
  return typeof accessor === 'string' && accessor !== '' ? accessor : undefined;
}
