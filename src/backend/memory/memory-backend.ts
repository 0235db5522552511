import { randomBytes, randomUUID } from 'node:crypto';
import type { Clock } from '../../platform/clock.ts';
import { LeaseholdError } from '../../platform/error.ts';
import { Secret } from '../../platform/secret.ts';
import type { SecretSource } from '../../policy/bundle.ts';
import type { Backend, BackendSecret } from '../backend.ts';
import { secretFields } from '../secret-fields.ts';
import type { MemoryCall, MemoryFault } from './memory-fault.ts';
import type { AliveCredential, MemoryToken, StoredSecret } from './memory-state.ts';
import { createMemoryState } from './memory-state.ts';

/** A path that makes a new username and password for each read. */
export interface DynamicRole {
  /** First ttl of a lease. Default 60. */
  readonly ttlSeconds?: number;
  /** No renewal passes this age. Default 24 h. */
  readonly maxTtlSeconds?: number;
  /** Default true. */
  readonly renewable?: boolean;
  /** Beside user name and password. */
  readonly fields?: Readonly<Record<string, string>>;
}

/** What tokens of a role may read. */
export interface MemoryTokenRole {
  /** Exact paths, as in `SecretSource.path`. */
  readonly paths: readonly string[];
  /** The role's explicit maximum. Default 24 h. */
  readonly maxTtlSeconds?: number;
}

export interface MemoryBackendOptions {
  readonly clock: Clock;
  /** By name. When left out, every role exists and reads everything. */
  readonly tokenRoles?: Readonly<Record<string, MemoryTokenRole>>;
  /** By path. */
  readonly dynamic?: Readonly<Record<string, DynamicRole>>;
  /** Static secrets by path, version 1. */
  readonly secrets?: Readonly<Record<string, object>>;
  /** Asked before each call. */
  readonly fault?: (call: MemoryCall) => MemoryFault | undefined;
  /** Default 60. */
  readonly probationSeconds?: number;
  /** Default 90,000. */
  readonly requestLimitMs?: number;
}

/**
 * A backend in this process, for development and tests: nothing is written anywhere and no configuration leads here. It
 * passes the same contract suite as the real one. What comes after the port's methods looks inside.
 */
export interface MemoryBackend extends Backend {
  /** Writes a new version. */
  putSecret(path: string, data: object): void;
  removeSecret(path: string): void;
  setDynamic(path: string, role: DynamicRole): void;
  /** Replaces the fault hook; undefined removes it. */
  setFault(fault: ((call: MemoryCall) => MemoryFault | undefined) | undefined): void;
  aliveCredentials(): readonly AliveCredential[];
  aliveTokens(): readonly Pick<MemoryToken, 'accessor' | 'tokenRole' | 'intent' | 'expiresAt'>[];
  /** Whether a login with these would work now. */
  canLogin(username: string, password: string): boolean;
  /** The last ten thousand calls, oldest first. */
  calls(): readonly MemoryCall[];
  /** What a wiped or restored backend looks like: nothing is known, and the cluster id is another. */
  reset(): void;
}

const daySeconds = 24 * 60 * 60;
const rememberedCalls = 10_000;

/** See `MemoryBackend`. */
export function createMemoryBackend(options: MemoryBackendOptions): MemoryBackend {
  const { clock, tokenRoles, probationSeconds = 60, requestLimitMs = 90_000 } = options;
  const state = createMemoryState({ clock });
  const secrets = new Map<string, StoredSecret>();
  const dynamic = new Map<string, DynamicRole>(Object.entries(options.dynamic ?? {}));
  const calls: MemoryCall[] = [];
  let cluster = randomUUID();
  let fault = options.fault;

  const putSecret = (path: string, data: object) => {
    secrets.set(path, { data, version: (secrets.get(path)?.version ?? 0) + 1 });
  };
  for (const [path, data] of Object.entries(options.secrets ?? {})) putSecret(path, data);

  const after = (seconds: number) => clock.now() + seconds * 1000;
  const left = (expiresAt: number) => Math.max(0, Math.floor((expiresAt - clock.now()) / 1000));

  /** Runs one call with its fault around it. `patient`: not given up once begun. */
  const perform = async <T>(
    call: MemoryCall,
    signal: AbortSignal,
    effect: (planned: MemoryFault) => T,
    patient = false,
  ): Promise<T> => {
    if (signal.aborted) throw new LeaseholdError('cancelled');
    calls.push(call);
    if (calls.length > rememberedCalls) calls.shift();
    const planned = fault?.(call) ?? {};
    if (planned.delayMs !== undefined)
      await clock.sleep(planned.delayMs, patient ? new AbortController().signal : signal);
    if (planned.fail !== undefined)
      throw new LeaseholdError(planned.fail, { detail: 'injected by the test' });
    const result = effect(planned);
    if (planned.loseReply !== undefined) throw new LeaseholdError('backend_lost_reply');
    return result;
  };

  const roleOf = (name: string): MemoryTokenRole | undefined =>
    tokenRoles === undefined ? { paths: [] } : Object.hasOwn(tokenRoles, name) ? tokenRoles[name] : undefined;
  const mayRead = (token: MemoryToken, path: string) =>
    tokenRoles === undefined || roleOf(token.tokenRole)?.paths.includes(path) === true;

  const issue = (
    token: MemoryToken,
    path: string,
    role: DynamicRole,
    planned: MemoryFault,
  ): BackendSecret => {
    const { ttlSeconds = 60, maxTtlSeconds = daySeconds, renewable = true } = role;
    const credential = {
      path,
      leaseId: `${path}/${randomBytes(12).toString('base64url')}`,
      username: `v-${randomBytes(8).toString('hex')}`,
      password: randomBytes(18).toString('base64url'),
      expiresAt: after(ttlSeconds),
    };
    if (planned.loseReply === 'unleased') state.addUnleased({ ...credential, leaseId: undefined });
    else state.addLease({ ...credential, accessor: token.accessor, endsBy: after(maxTtlSeconds), renewable });
    return {
      fields: secretFields({ username: credential.username, password: credential.password, ...role.fields }),
      lease: { leaseId: credential.leaseId, ttlSeconds, renewable },
      version: '',
    };
  };

  const readNow = (value: string, source: SecretSource, planned: MemoryFault): BackendSecret => {
    const token = state.tokenByValue(value);
    if (token === undefined || !mayRead(token, source.path)) throw new LeaseholdError('backend_denied');
    const role = dynamic.get(source.path);
    if (role !== undefined) return issue(token, source.path, role, planned);
    const stored = secrets.get(source.path);
    if (stored === undefined) throw new LeaseholdError('backend_not_found');
    return {
      fields: secretFields(stored.data),
      version: source.engine === 'kv2' ? String(stored.version) : '',
    };
  };

  /** The smaller of what was asked for and what is left of the maximum. */
  const renew = (
    held: { expiresAt: number; readonly endsBy: number } | undefined,
    incrementSeconds: number,
  ) => {
    if (held === undefined) throw new LeaseholdError('backend_not_found');
    held.expiresAt = Math.min(after(incrementSeconds), held.endsBy);
    return { ttlSeconds: left(held.expiresAt) };
  };
  const presence = (held: { readonly expiresAt: number } | undefined) =>
    held === undefined
      ? { present: false as const }
      : { present: true as const, ttlSeconds: left(held.expiresAt) };

  return {
    requestLimitMs,
    probationSeconds,
    now: () => clock.now(),
    clusterId: ({ signal }) => perform({ operation: 'clusterId', target: '' }, signal, () => cluster),
    checkHealth: ({ signal }) => perform({ operation: 'checkHealth', target: '' }, signal, () => undefined),
    createToken: ({ tokenRole, intent, signal }) =>
      perform(
        { operation: 'createToken', target: tokenRole },
        signal,
        () => {
          const role = roleOf(tokenRole);
          if (role === undefined) throw new LeaseholdError('backend_denied');
          const token = {
            accessor: randomBytes(12).toString('base64url'),
            token: `hvs.${randomBytes(24).toString('base64url')}`,
            tokenRole,
            intent,
            expiresAt: after(probationSeconds),
            endsBy: after(role.maxTtlSeconds ?? daySeconds),
          };
          state.addToken(token);
          return {
            token: Secret.ofText(token.token),
            accessor: token.accessor,
            ttlSeconds: probationSeconds,
          };
        },
        true,
      ),
    read: ({ token, source, signal }) =>
      perform(
        { operation: 'read', target: source.path },
        signal,
        (planned) => readNow(Buffer.from(token.open()).toString('utf8'), source, planned),
        source.kind === 'leased',
      ),
    renewToken: ({ accessor, incrementSeconds, signal }) =>
      perform({ operation: 'renewToken', target: accessor }, signal, () =>
        renew(state.token(accessor), incrementSeconds),
      ),
    renewLease: ({ leaseId, incrementSeconds, signal }) =>
      perform({ operation: 'renewLease', target: leaseId }, signal, () => {
        const lease = state.lease(leaseId);
        if (lease?.renewable === false) throw new LeaseholdError('backend_rejected');
        return renew(lease, incrementSeconds);
      }),
    lookupToken: ({ accessor, signal }) =>
      perform({ operation: 'lookupToken', target: accessor }, signal, () => presence(state.token(accessor))),
    lookupLease: ({ leaseId, signal }) =>
      perform({ operation: 'lookupLease', target: leaseId }, signal, () => presence(state.lease(leaseId))),
    revokeLease: ({ leaseId, signal }) =>
      perform({ operation: 'revokeLease', target: leaseId }, signal, () => state.dropLease(leaseId)),
    revokeToken: ({ accessor, signal }) =>
      perform({ operation: 'revokeToken', target: accessor }, signal, () => state.dropToken(accessor)),
    putSecret,
    removeSecret: (path) => void secrets.delete(path),
    setDynamic: (path, role) => void dynamic.set(path, role),
    setFault: (next) => {
      fault = next;
    },
    aliveCredentials: () => state.alive(),
    aliveTokens: () =>
      state.tokens().map(({ accessor, tokenRole, intent, expiresAt }) => ({
        accessor,
        tokenRole,
        intent,
        expiresAt,
      })),
    canLogin: (username, password) =>
      state.alive().some((each) => each.username === username && each.password === password),
    calls: () => [...calls],
    reset: () => {
      state.clear();
      cluster = randomUUID();
    },
    // A backend outlives the broker that leaves it: what is alive stays so.
    [Symbol.asyncDispose]: async () => undefined,
  };
}
