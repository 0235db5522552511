import { readFile } from 'node:fs/promises';
import { connect } from 'node:http2';
import { encodeCommand } from '../../src/rpc/client/hold-codec.ts';
import { frame } from '../../src/rpc/client/hold-framing.ts';
import type { HoldCommand } from '../../src/rpc/client/hold-messages.ts';
import type { SiteFiles } from './site-files.ts';

/** A client that talks and never reads. */
export interface DeafCaller extends Disposable {
  /** Resolves when the broker has cut the connection, with the bytes of messages that got through. */
  readonly cut: Promise<number>;
}

/** Opens a stream on which the broker may not send one byte of a message, and says all that at once. */
export const connectDeafCaller = async (
  site: SiteFiles,
  commands: readonly HoldCommand[],
): Promise<DeafCaller> => {
  const session = connect(`https://${site.workloads}`, {
    ca: await readFile(site.ca),
    minVersion: 'TLSv1.3',
    settings: { initialWindowSize: 0, enablePush: false },
  });
  const { promise: cut, resolve } = Promise.withResolvers<number>();
  let bytes = 0;
  session.on('error', () => undefined);
  session.on('close', () => resolve(bytes));
  const stream = session.request({
    ':method': 'POST',
    ':path': '/leasehold.v1.WorkloadService/Hold',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', () => undefined);
  stream.on('data', (chunk: Buffer) => (bytes += chunk.byteLength));
  for (const command of commands) stream.write(frame(encodeCommand(command)));
  return { cut, [Symbol.dispose]: () => session.destroy() };
};
