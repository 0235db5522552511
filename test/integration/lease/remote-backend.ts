import type {
  Backend,
  BackendSecret,
  BackendToken,
  Presence,
  Renewal,
} from '../../../src/backend/backend.ts';
import type { MemoryBackend } from '../../../src/backend/memory/memory-backend.ts';
import { Secret } from '../../../src/platform/secret.ts';
import type { SecretSource } from '../../../src/policy/bundle.ts';
import { timing } from './crash-messages.ts';

/** One call as it travels from the child to the parent. Secrets go as bytes, between a test's own processes. */
export type BackendCall =
  | { readonly method: 'clusterId' | 'checkHealth' }
  | { readonly method: 'createToken'; readonly tokenRole: string; readonly intent: string }
  | { readonly method: 'read'; readonly token: Uint8Array; readonly source: SecretSource }
  | { readonly method: 'renewToken'; readonly accessor: string; readonly incrementSeconds: number }
  | { readonly method: 'renewLease'; readonly leaseId: string; readonly incrementSeconds: number }
  | { readonly method: 'lookupToken' | 'revokeToken'; readonly accessor: string }
  | { readonly method: 'lookupLease' | 'revokeLease'; readonly leaseId: string };

type Travelling<T> = Omit<T, 'token' | 'fields'>;
type TravellingToken = Travelling<BackendToken> & { readonly token: Uint8Array };
type TravellingSecret = Travelling<BackendSecret> & { readonly fields: ReadonlyMap<string, Uint8Array> };

/** The port, every call made elsewhere by `ask`, which answers with what `answerCall` gave there. */
export function createRemoteBackend(ask: (call: BackendCall) => Promise<unknown>): Backend {
  // The other end is `answerCall` below, so an answer has the type that belongs to its method.
  const typed = async <T>(call: BackendCall): Promise<T> => (await ask(call)) as T;
  const done = async (call: BackendCall): Promise<void> => {
    await ask(call);
  };
  return {
    now: () => Date.now(),
    requestLimitMs: timing.requestLimitMs,
    probationSeconds: timing.probationSeconds,
    clusterId: () => typed<string>({ method: 'clusterId' }),
    checkHealth: () => done({ method: 'checkHealth' }),
    createToken: async ({ tokenRole, intent }) => {
      const made = await typed<TravellingToken>({ method: 'createToken', tokenRole, intent });
      return { ...made, token: Secret.ofBytes(made.token) };
    },
    read: async ({ token, source }) => {
      const bytes = Uint8Array.from(token.open());
      const secret = await typed<TravellingSecret>({ method: 'read', token: bytes, source });
      const fields = [...secret.fields].map(([name, value]) => [name, Secret.ofBytes(value)] as const);
      return { ...secret, fields: new Map(fields) };
    },
    renewToken: ({ accessor, incrementSeconds }) =>
      typed<Renewal>({ method: 'renewToken', accessor, incrementSeconds }),
    renewLease: ({ leaseId, incrementSeconds }) =>
      typed<Renewal>({ method: 'renewLease', leaseId, incrementSeconds }),
    lookupToken: ({ accessor }) => typed<Presence>({ method: 'lookupToken', accessor }),
    lookupLease: ({ leaseId }) => typed<Presence>({ method: 'lookupLease', leaseId }),
    revokeToken: ({ accessor }) => done({ method: 'revokeToken', accessor }),
    revokeLease: ({ leaseId }) => done({ method: 'revokeLease', leaseId }),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** A request that has arrived is carried out, whatever becomes of the process that sent it. */
export async function answerCall(backend: MemoryBackend, call: BackendCall): Promise<unknown> {
  const { signal } = new AbortController();
  switch (call.method) {
    case 'createToken': {
      const made = await backend.createToken({ ...call, signal });
      return { ...made, token: Uint8Array.from(made.token.open()) } satisfies TravellingToken;
    }
    case 'read': {
      const token = Secret.ofBytes(Uint8Array.from(call.token));
      const secret = await backend.read({ token, source: call.source, signal });
      const fields = [...secret.fields].map(
        ([name, value]) => [name, Uint8Array.from(value.open())] as const,
      );
      return { ...secret, fields: new Map(fields) } satisfies TravellingSecret;
    }
    case 'renewToken':
      return backend.renewToken({ ...call, signal });
    case 'renewLease':
      return backend.renewLease({ ...call, signal });
    case 'lookupToken':
      return backend.lookupToken({ ...call, signal });
    case 'lookupLease':
      return backend.lookupLease({ ...call, signal });
    case 'revokeToken':
      return backend.revokeToken({ ...call, signal });
    case 'revokeLease':
      return backend.revokeLease({ ...call, signal });
    case 'clusterId':
      return backend.clusterId({ signal });
    case 'checkHealth':
      return backend.checkHealth({ signal });
  }
}
