import type { BrokerEndpoint } from '../../src/rpc/client/endpoint.ts';
import type { NodeAgentConfig } from './config.ts';

export interface Call {
  readonly endpoint: BrokerEndpoint;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

const timeoutMs = 10_000;

/** The answer of the first broker that gives one, from one of them chosen at random on; throws what the last one was in trouble with. */
export async function askBrokers<Answer>(
  options: {
    readonly broker: NodeAgentConfig['broker'];
    readonly random: () => number;
    /** As this node, by the certificate of now. */
    readonly endpoint: () => Promise<Omit<BrokerEndpoint, 'address'>>;
    readonly signal: AbortSignal;
  },
  ask: (call: Call) => Promise<Answer>,
): Promise<Answer> {
  const { address: addresses, serverName } = options.broker;
  const first = Math.floor(options.random() * addresses.length);
  let trouble: unknown;
  for (const address of [...addresses.slice(first), ...addresses.slice(0, first)]) {
    try {
      const endpoint = {
        ...(await options.endpoint()),
        address,
        ...(serverName === undefined ? {} : { serverName }),
      };
      return await ask({ endpoint, timeoutMs, signal: options.signal });
    } catch (error) {
      trouble = error;
    }
  }
  throw trouble;
}
