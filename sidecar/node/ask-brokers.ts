import { LeaseholdError } from '../../src/platform/error.ts';
import type { BrokerEndpoint } from '../../src/rpc/client/endpoint.ts';
import type { NodeAgentConfig } from './config.ts';

/** The answer of the first address that gives one, from one of them chosen at random on; throws what the last one was in trouble with. */
export async function askInTurn<Answer>(
  addresses: readonly string[],
  { random, signal }: { readonly random: () => number; readonly signal: AbortSignal },
  ask: (address: string) => Promise<Answer>,
): Promise<Answer> {
  const first = Math.floor(random() * addresses.length);
  let trouble: LeaseholdError | undefined;
  for (const address of [...addresses.slice(first), ...addresses.slice(0, first)]) {
    try {
      return await ask(address);
    } catch (error) {
      trouble = LeaseholdError.from(error);
      if (signal.aborted) break;
    }
  }
  throw trouble ?? new LeaseholdError('broker_unavailable');
}

export interface Call {
  readonly endpoint: BrokerEndpoint;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

const timeoutMs = 10_000;

/** As this node, of whichever broker answers. */
export async function askBrokers<Answer>(
  options: {
    readonly broker: NodeAgentConfig['broker'];
    readonly random: () => number;
    /** By the certificate of now. */
    readonly endpoint: () => Promise<Omit<BrokerEndpoint, 'address'>>;
    readonly signal: AbortSignal;
  },
  ask: (call: Call) => Promise<Answer>,
): Promise<Answer> {
  const { address: addresses, serverName } = options.broker;
  return askInTurn(addresses, options, async (address) => {
    const endpoint = {
      ...(await options.endpoint()),
      address,
      ...(serverName === undefined ? {} : { serverName }),
    };
    return ask({ endpoint, timeoutMs, signal: options.signal });
  });
}
