import { readFile } from 'node:fs/promises';
import type { ErrorCode, LeaseholdError } from '../../src/platform/error.ts';
import { Secret } from '../../src/platform/secret.ts';
import { dialHold } from '../../src/rpc/client/hold-client.ts';
import type { HoldCommand, HoldEvent } from '../../src/rpc/client/hold-messages.ts';
import { waitFor } from '../support/parts/wait-until-ready.ts';
import type { SiteFiles } from './site-files.ts';

/** How the broker ended a stream. */
export interface End {
  /** `ok` where it ended without an error. */
  readonly code: ErrorCode | 'ok';
  readonly retryAfterMs: number | undefined;
}

/** One stream without a sidecar's patience: it says what it is told to, once. */
export interface Caller extends Disposable {
  send(command: HoldCommand): void;
  /** No more will be sent. */
  finish(): void;
  /** All that has come so far. */
  readonly events: readonly HoldEvent[];
  /** The first event of that kind after so many others of it, waited for. */
  event<K extends HoldEvent['kind']>(kind: K, after?: number): Promise<Extract<HoldEvent, { kind: K }>>;
  readonly ended: Promise<End>;
}

/** `ok` with the first event of that kind, or how the stream ended before. */
export const answerOf = (caller: Caller, kind: HoldEvent['kind']): Promise<End> =>
  Promise.race([
    caller.ended,
    caller.event(kind).then(
      () => ({ code: 'ok' as const, retryAfterMs: undefined }),
      () => caller.ended,
    ),
  ]);

const eventMs = 30_000;

const isKind =
  <K extends HoldEvent['kind']>(kind: K) =>
  (event: HoldEvent): event is Extract<HoldEvent, { kind: K }> =>
    event.kind === kind;

/** Connects and opens the stream; nothing is sent yet. */
export const connectCaller = async (site: SiteFiles): Promise<Caller> => {
  const events: HoldEvent[] = [];
  const { promise: ended, resolve } = Promise.withResolvers<End>();
  let isOver = false;
  const onEnd = (error: LeaseholdError | undefined) => {
    isOver = true;
    resolve({ code: error?.code ?? 'ok', retryAfterMs: error?.retryAfterMs });
  };
  const stream = await dialHold({
    endpoint: { address: site.workloads, ca: await readFile(site.ca) },
    connectTimeoutMs: 10_000,
    signal: AbortSignal.timeout(60_000),
    listener: { onEvent: (event) => void events.push(event), onEnd },
  });
  return {
    send: (command) => stream.send(command),
    finish: () => stream.finish(),
    events,
    event: async (kind, after = 0) => {
      const nth = () => events.filter(isKind(kind))[after];
      await waitFor(`the event ${kind}`, async () => isOver || nth() !== undefined, eventMs);
      const found = nth();
      if (found === undefined) throw new Error(`the stream ended with ${(await ended).code} before ${kind}`);
      return found;
    },
    ended,
    [Symbol.dispose]: () => stream.close(),
  };
};

/** The first message of a holder. */
export const hello = (token: string): HoldCommand => ({
  kind: 'hello',
  credential: Secret.ofText(token),
  agent: 'caller/1',
});

let keys = 0;
/** A wish for a bundle, each call another one. */
export const open = (
  bundle: string,
  resume?: { readonly session: string; readonly generation: string },
): HoldCommand => {
  keys += 1;
  return { kind: 'open', bundle, requestKey: `caller-key-${String(keys).padStart(8, '0')}`, resume };
};
