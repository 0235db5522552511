import type { Clock } from '../../platform/clock.ts';
import { LeaseholdError, hasCode } from '../../platform/error.ts';
import type { Secret } from '../../platform/secret.ts';
import { createBackendClock } from '../vault/backend-clock.ts';
import { createHttpSender } from '../vault/http-sender.ts';
import { readAuthorities } from '../vault/read-authorities.ts';
import { parseVaultAddress } from '../vault/vault-address.ts';
import { createVaultClient } from '../vault/vault-client.ts';

/** What a mount of the backend is. */
export interface Mount {
  /** With its slash at the end. */
  readonly path: string;
  readonly type: string;
  /** Of a KV engine. */
  readonly version: string | undefined;
}

/** What an operator's token lets us look at. Reads only. */
export interface OperatorView extends AsyncDisposable {
  policy(name: string): Promise<string | undefined>;
  tokenRole(name: string): Promise<Readonly<Record<string, unknown>> | undefined>;
  mounts(): Promise<readonly Mount[]>;
  /** The `data` of any path; undefined where there is nothing. */
  read(path: string): Promise<Readonly<Record<string, unknown>> | undefined>;
}

const limitMs = 15_000;

/** See `OperatorView`. Throws `config_invalid` for address or authorities, and `backend_*` codes. */
export async function createOperatorView(options: {
  readonly address: string;
  readonly ca?: string;
  readonly namespace?: string;
  readonly operatorToken: Secret;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}): Promise<OperatorView> {
  const { clock, signal, operatorToken: token } = options;
  const origin = parseVaultAddress(options.address);
  const ca = options.ca === undefined ? {} : { ca: await readAuthorities(options.ca) };
  const namespace = options.namespace === undefined ? {} : { namespace: options.namespace };
  const sender = createHttpSender({ origin, clock, maxSockets: 4, ...ca });
  const client = createVaultClient({
    origin,
    sender,
    backendClock: createBackendClock({ clock }),
    ...namespace,
  });

  const read: OperatorView['read'] = async (path) => {
    try {
      const reply = await client.call({
        method: 'GET',
        path,
        token,
        limitMs,
        signal,
        missing: 'backend_not_found',
      });
      const data = reply.kind === 'body' ? record(Reflect.get(reply.body, 'data')) : undefined;
      if (data === undefined)
        throw new LeaseholdError('backend_reply_invalid', { detail: 'no data in the reply' });
      return data;
    } catch (error) {
      if (hasCode(error, 'backend_not_found')) return undefined;
      throw error;
    }
  };

  return {
    read,
    policy: async (name) => {
      const policy = (await read(`sys/policies/acl/${name}`))?.['policy'];
      return typeof policy === 'string' ? policy : undefined;
    },
    tokenRole: (name) => read(`auth/token/roles/${name}`),
    mounts: async () =>
      Object.entries((await read('sys/mounts')) ?? {}).flatMap(([path, value]) => {
        const mount = record(value);
        const type = mount?.['type'];
        const version = record(mount?.['options'])?.['version'];
        return typeof type === 'string'
          ? [{ path, type, version: typeof version === 'string' ? version : undefined }]
          : [];
      }),
    [Symbol.asyncDispose]: async () => sender.close(),
  };
}

function record(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value))
    : undefined;
}
