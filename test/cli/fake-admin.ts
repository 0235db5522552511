import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js';
import type { sendUnaryData, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import { errorMessages } from '../../src/platform/error.ts';
import type { ErrorCode } from '../../src/platform/error.ts';
import { loadAdminApi } from '../../src/rpc/proto.ts';
import { createTestCa } from '../support/certificates.ts';
import { createTempFolder } from '../support/temp-folder.ts';

/** A reply in the script of a fake: an answer, the answers of a stream, or a refusal with a code of ours. */
export type Reply =
  | { readonly answer: object }
  | { readonly stream: readonly object[]; readonly then?: 'cut' | 'stay' }
  | { readonly refuse: ErrorCode }
  /** A failure that is not ours, with words that must not get through. */
  | { readonly fail: keyof typeof status }
  | { readonly silent: true };

export interface Received {
  readonly method: string;
  readonly request: unknown;
}

/** A broker's admin listener that says what it is told to. TLS with client certificates, as the real one. */
export interface FakeAdmin extends AsyncDisposable {
  /** Environment with which the program finds it. */
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly received: readonly Received[];
  /** The reply to every call of that method from now on; a list is used up one by one, its last for ever. */
  script(replies: Readonly<Record<string, Reply | readonly [Reply, ...Reply[]]>>): void;
}

type StreamOrUnary = ServerUnaryCall<object, object> | ServerWritableStream<object, object>;

export async function startFakeAdmin(): Promise<FakeAdmin> {
  const folder = await createTempFolder({ name: 'cli' });
  const ca = createTestCa();
  const served = ca.issueServer();
  const client = ca.issueClient({ commonName: 'operator' });
  const files = { ca: ca.certificate, cert: client.certificate, key: client.key };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder.path, `${name}.pem`), text);

  let scripted: Record<string, Reply[]> = {};
  const received: Received[] = [];
  const replyTo = (method: string, call: StreamOrUnary): Reply => {
    received.push({ method, request: call.request });
    const replies = scripted[method] ?? [];
    return (replies.length > 1 ? replies.shift() : replies[0]) ?? { refuse: 'internal' };
  };

  const service = loadAdminApi().leasehold.v1.AdminService.service;
  const server = new Server();
  server.addService(
    service,
    Object.fromEntries(
      Object.entries(service).map(([name, definition]) => [
        name,
        definition.responseStream
          ? (call: ServerWritableStream<object, object>) => answerStream(call, replyTo(name, call))
          : (call: ServerUnaryCall<object, object>, done: sendUnaryData<object>) =>
              answerOnce(done, replyTo(name, call)),
      ]),
    ),
  );
  const pair = { private_key: Buffer.from(served.key), cert_chain: Buffer.from(served.certificate) };
  const port = await new Promise<number>((resolve, reject) => {
    const credentials = ServerCredentials.createSsl(Buffer.from(ca.certificate), [pair], true);
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return {
    env: {
      LEASEHOLD_BROKER: `127.0.0.1:${port}`,
      LEASEHOLD_CA: join(folder.path, 'ca.pem'),
      LEASEHOLD_CERT: join(folder.path, 'cert.pem'),
      LEASEHOLD_KEY: join(folder.path, 'key.pem'),
    },
    folder: folder.path,
    received,
    script: (replies) => {
      received.length = 0;
      scripted = Object.fromEntries(Object.entries(replies).map(([name, reply]) => [name, [reply].flat()]));
    },
    [Symbol.asyncDispose]: async () => {
      server.forceShutdown();
      await folder.remove();
    },
  };
}

function refusal(code: ErrorCode) {
  const metadata = new Metadata();
  metadata.set('leasehold-code', code);
  return { code: status.FAILED_PRECONDITION, details: errorMessages[code], metadata };
}

function answerOnce(done: sendUnaryData<object>, reply: Reply): void {
  if ('silent' in reply) return;
  if ('refuse' in reply) done(refusal(reply.refuse));
  else if ('fail' in reply) done({ code: status[reply.fail], details: 'words of a peer' });
  else done(null, 'answer' in reply ? reply.answer : {});
}

function answerStream(call: ServerWritableStream<object, object>, reply: Reply): void {
  if ('refuse' in reply) {
    call.emit('error', refusal(reply.refuse));
    return;
  }
  if ('fail' in reply) {
    call.emit('error', { code: status[reply.fail], details: 'words of a peer' });
    return;
  }
  if ('stream' in reply) {
    for (const message of reply.stream) call.write(message);
    if (reply.then === 'cut') {
      call.emit('error', { code: status.UNAVAILABLE, details: 'going away' });
      return;
    }
    if (reply.then === 'stay') return;
  }
  call.end();
}
