import { Client, credentials, type ClientReadableStream } from '@grpc/grpc-js';
import { service } from 'grpc-health-check';

interface HealthReply {
  readonly status: string;
}

/** A caller of the standard health service of one listener, without a credential. */
export interface HealthCaller extends Disposable {
  /** What a load balancer is told; rejects with the gRPC error of a refusal. */
  check(service?: string): Promise<string>;
  watch(service?: string): ClientReadableStream<HealthReply>;
}

/** @param options.address host:port on the loopback interface; @param options.ca PEM that the listener's certificate is from */
export function callHealth(options: { readonly address: string; readonly ca: string }): HealthCaller {
  const client = new Client(
    options.address.replace('127.0.0.1', 'localhost'),
    credentials.createSsl(Buffer.from(options.ca)),
  );
  const methodOf = (name: string) => {
    const method = service[name];
    if (method === undefined) throw new Error(`no method ${name} in the health API`);
    const { path, requestSerialize, responseDeserialize } = method;
    const read = (bytes: Buffer) => responseDeserialize(bytes) as HealthReply;
    return [path, requestSerialize, read] as const;
  };
  const deadline = () => ({ deadline: Date.now() + 50_000 });
  return {
    check: (name = '') =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(...methodOf('Check'), { service: name }, deadline(), (error, reply) => {
          if (error === null) resolve(reply?.status ?? '');
          else reject(error);
        });
      }),
    watch: (name = '') => client.makeServerStreamRequest(...methodOf('Watch'), { service: name }, deadline()),
    [Symbol.dispose]: () => client.close(),
  };
}
