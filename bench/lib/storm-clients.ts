import { Secret } from '../../src/platform/secret.ts';
import { randomId } from '../../src/platform/random-id.ts';
import { dialHold } from '../../src/rpc/client/hold-client.ts';

/** Every client connects at once, shows its token, opens the bundle and waits for its first generation. */
process.once('message', (message) => {
  // Sent by the benchmark itself.
  const { address, ca, tokens } = message as { address: string; ca: string; tokens: readonly string[] };
  void (async () => {
    const signal = AbortSignal.timeout(100_000);
    const startedAt = performance.now();
    const firstMs: number[] = [];
    let refused = 0;
    await Promise.all(
      tokens.map(async (token) => {
        const first = Promise.withResolvers<boolean>();
        try {
          const stream = await dialHold({
            endpoint: { address, ca: Buffer.from(ca), serverName: 'localhost' },
            connectTimeoutMs: 90_000,
            signal,
            listener: {
              onEvent: (event) => {
                if (event.kind === 'generation') first.resolve(true);
                if (event.kind === 'refused') first.resolve(false);
              },
              onEnd: () => first.resolve(false),
            },
          });
          stream.send({ kind: 'hello', credential: Secret.ofText(token), agent: 'bench' });
          stream.send({ kind: 'open', bundle: 'static', requestKey: randomId('req_'), resume: undefined });
          if (await first.promise) firstMs.push(performance.now() - startedAt);
          else refused += 1;
        } catch {
          refused += 1;
        }
      }),
    );
    process.send?.({ firstMs, refused });
  })();
});
