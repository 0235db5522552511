import { randomId } from '../../src/platform/random-id.ts';
import { Secret } from '../../src/platform/secret.ts';
import type { BrokerEndpoint } from '../../src/rpc/client/endpoint.ts';
import { dialHold } from '../../src/rpc/client/hold-client.ts';

/** What a holder has of a bundle, and the stream it has it on. */
export interface Held {
  readonly session: string;
  readonly generation: string;
  /** Resolves when the stream has ended, whoever ended it. */
  readonly ended: Promise<void>;
  close(): void;
}

/**
 * A connection of its own: proof, open, first generation, acknowledged. With `resume` it comes back to what it has, which the broker
 * confirms without sending it again. Rejects when it is refused or the stream ends before.
 */
export async function hold(options: {
  readonly endpoint: BrokerEndpoint;
  readonly token: string;
  readonly bundle: string;
  readonly resume: { readonly session: string; readonly generation: string } | undefined;
  readonly signal: AbortSignal;
}): Promise<Held> {
  const { endpoint, token, bundle, resume, signal } = options;
  const has = Promise.withResolvers<{ readonly session: string; readonly generation: string }>();
  const ended = Promise.withResolvers<undefined>();
  const stream = await dialHold({
    endpoint,
    connectTimeoutMs: 90_000,
    signal,
    listener: {
      onEvent: (event) => {
        if (event.kind === 'opened' && event.resumed && resume !== undefined) has.resolve(resume);
        if (event.kind === 'generation')
          has.resolve({ session: event.session, generation: event.generation.id });
        if (event.kind === 'refused') has.reject(new Error(`refused: ${event.code}`));
      },
      onEnd: (error) => {
        has.reject(error ?? new Error('the stream ended'));
        ended.resolve(undefined);
      },
    },
  });
  stream.send({ kind: 'hello', credential: Secret.ofText(token), agent: 'bench' });
  stream.send({ kind: 'open', bundle, requestKey: randomId('req_'), resume });
  try {
    const held = await has.promise;
    if (resume === undefined) stream.send({ kind: 'delivered', ...held });
    return { ...held, ended: ended.promise, close: () => stream.close() };
  } catch (error) {
    stream.close();
    throw error;
  }
}
