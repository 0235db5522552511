import {
  Metadata,
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  status,
} from '@grpc/grpc-js';
import type { GetRunMatchersResponse } from '../../../src/rpc/gen/leasehold/v1/GetRunMatchersResponse.ts';
import type { HoldRequest__Output } from '../../../src/rpc/gen/leasehold/v1/HoldRequest.ts';
import type { HoldResponse } from '../../../src/rpc/gen/leasehold/v1/HoldResponse.ts';
import type { WorkloadServiceHandlers } from '../../../src/rpc/gen/leasehold/v1/WorkloadService.ts';
import type { RunMatcher } from '../../../src/rpc/gen/leasehold/v1/RunMatcher.ts';
import { loadRunApi, loadWorkloadApi } from '../../../src/rpc/proto.ts';
import { signedMatchers } from '../../support/signed-matchers.ts';
import { createTestCa, type TestCa } from '../../support/certificates.ts';

/** A broker that does what a test tells it: real TLS, real gRPC, no logic. */
export interface FakeBroker extends AsyncDisposable {
  readonly address: string;
  /** PEM of the authority its certificate is from. */
  readonly ca: string;
  readonly authority: TestCa;
  /** The next stream that a holder opens. */
  nextStream(): Promise<FakeStream>;
}

export interface FakeStream {
  /** The next message of this kind; fails the test when another kind comes first. */
  next<K extends Kind>(kind: K): Promise<NonNullable<HoldRequest__Output[K]>>;
  /** The next message, whatever it is. */
  take(): Promise<HoldRequest__Output>;
  send(response: HoldResponse): void;
  /** Ends with a code in the trailer, as the broker does. */
  refuse(code: string): void;
  /** Ends without an error. */
  end(): void;
  /** Resolves when the holder has half-closed or gone. */
  readonly over: Promise<void>;
}

type Kind = 'hello' | 'open' | 'delivered' | 'credential' | 'wiped' | 'release';

export async function startFakeBroker(
  options: {
    readonly port?: number;
    readonly authority?: TestCa;
    readonly wantsClients?: boolean;
    /** Which runs need secrets, by its word; where this is left out it does not tell. */
    readonly matchers?: readonly RunMatcher[];
  } = {},
): Promise<FakeBroker> {
  const authority = options.authority ?? createTestCa();
  const { certificate, key } = authority.issueServer();
  const streams = createMailbox<FakeStream>();
  const handlers: WorkloadServiceHandlers = { Hold: (call) => streams.put(fakeStream(call)) };
  const server = new Server();
  server.addService(loadWorkloadApi().leasehold.v1.WorkloadService.service, handlers);
  const { matchers } = options;
  if (matchers !== undefined) {
    const sign = (matchers: readonly RunMatcher[]) => {
      const pair = { certificate, key };
      const cluster = 'one';
      const signed = signedMatchers({ ca: authority, cluster, issuedAt: Date.now(), matchers, pair });
      return { ...signed, certificates: [...signed.certificates] };
    };
    const { GetRunMatchers } = loadRunApi().leasehold.v1.RunService.service;
    server.addService(
      { GetRunMatchers },
      {
        GetRunMatchers: (_call: unknown, answer: sendUnaryData<GetRunMatchersResponse>) =>
          answer(null, { issuedAtMs: Date.now(), matchers: [...matchers], signed: sign(matchers) }),
      },
    );
  }
  const credentials = ServerCredentials.createSsl(
    options.wantsClients === true ? Buffer.from(authority.certificate) : null,
    [{ cert_chain: Buffer.from(certificate), private_key: Buffer.from(key) }],
    options.wantsClients === true,
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${options.port ?? 0}`, credentials, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return {
    address: `127.0.0.1:${port}`,
    ca: authority.certificate,
    authority,
    nextStream: () => streams.take(),
    [Symbol.asyncDispose]: async () => server.forceShutdown(),
  };
}

function fakeStream(call: ServerDuplexStream<HoldRequest__Output, HoldResponse>): FakeStream {
  const received = createMailbox<HoldRequest__Output>();
  const { promise: over, resolve } = Promise.withResolvers<undefined>();
  call.on('data', (message: HoldRequest__Output) => received.put(message));
  call.on('end', () => resolve(undefined));
  call.on('cancelled', () => resolve(undefined));
  call.on('error', () => resolve(undefined));
  return {
    next: async (kind) => {
      const message = await received.take();
      const content = message[kind];
      if (message.message !== kind || !content) throw new Error(`expected ${kind}, got ${message.message}`);
      return content;
    },
    take: () => received.take(),
    send: (response) => void call.write(response),
    refuse: (code) => {
      const metadata = new Metadata();
      metadata.set('leasehold-code', code);
      call.emit('error', { code: status.UNAVAILABLE, details: 'made up', metadata });
    },
    end: () => call.end(),
    over: over.then(() => undefined),
  };
}

function createMailbox<T>() {
  const waiting: ((item: T) => void)[] = [];
  const items: T[] = [];
  return {
    put: (item: T) => {
      const taker = waiting.shift();
      if (taker === undefined) items.push(item);
      else taker(item);
    },
    take: (): Promise<T> => {
      const [item] = items.splice(0, 1);
      return item === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(item);
    },
  };
}
