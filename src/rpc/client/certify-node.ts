import type { BrokerEndpoint } from './endpoint.ts';
import { bytesAt, lengthField, readFields } from './protobuf.ts';
import { callOnce } from './unary-call.ts';

/**
 * A certificate for the key of this node, PEM with those above it: NodeService.Certify of `node.proto`, with the field numbers written out. With a
 * token on the listener for workloads, with the node's certificate on that for nodes. Rejects as `callOnce` does.
 */
export async function certifyNode(options: {
  readonly endpoint: BrokerEndpoint;
  /** Empty for a renewal. */
  readonly token: Uint8Array;
  /** PKCS #10, DER. */
  readonly request: Uint8Array;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}): Promise<Buffer> {
  const method = '/leasehold.v1.NodeService/Certify';
  const request = Buffer.concat([lengthField(1, options.token), lengthField(2, options.request)]);
  return Buffer.from(bytesAt(readFields(await callOnce({ ...options, method, request })), 1));
}
