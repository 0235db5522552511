import type { PeerCertificate } from 'node:tls';
import type {
  Metadata,
  sendUnaryData,
  Server,
  ServerDuplexStream,
  ServerUnaryCall,
  ServerWritableStream,
} from '@grpc/grpc-js';
import type { Clock } from '../platform/clock.ts';
import { LeaseholdError } from '../platform/error.ts';
import type { Log } from '../platform/log.ts';
import type { Metrics } from '../platform/metrics.ts';
import { newTrace, traceOfParent, withTrace } from '../platform/trace.ts';
import { createOutbox } from './outbox.ts';
import { toStatus, type WireStatus } from './status.ts';

/** What a handler knows about a call besides its messages. */
export interface CallContext {
  /** Address of the peer, without its port: for audit records of strangers. */
  readonly peer: string;
  /** Of a verified client; undefined on a listener that asks for none. */
  readonly certificate: PeerCertificate | undefined;
  /** Aborts when the caller has gone, its deadline is over, or the call has been answered. */
  readonly signal: AbortSignal;
  /** Aborts when the broker goes down and the call should come to its end; `signal` follows when its time is up. */
  readonly draining: AbortSignal;
  /** Runs after the answer; the server waits for it when it closes. Must not reject. */
  defer(task: () => Promise<void>): void;
}

/** The messages of a bidirectional stream. */
export interface Duplex<Request, Response> {
  /**
   * Hands over one message after the other, each when the promise of the one before has settled, so that a holder that sends
   * too much is slowed down by HTTP/2 instead of filling a queue. Neither may throw or reject.
   */
  receive(onMessage: (message: Request) => Promise<void>, onEnd: () => void): void;
  /** See `Outbox.push`. */
  send(message: Response): Promise<void>;
}

/** What of a generated method definition is needed. */
export interface Method<Request, Response> {
  /** `/package.Service/Method` */
  readonly path: string;
  readonly requestDeserialize: (bytes: Buffer) => Request;
  readonly responseSerialize: (value: Response) => Buffer;
}

/**
 * The only way to serve a method. What a handler throws becomes a status of ours: a LeaseholdError by its code, anything else `internal`,
 * with the original in the log alone. (grpc-js by itself sends messages of errors to clients, and loses rejected promises.)
 */
export interface Handlers {
  unary<Request, Response>(
    method: Method<Request, Response>,
    serve: (request: Request, context: CallContext) => Promise<Response>,
  ): void;
  serverStream<Request, Response>(
    method: Method<Request, Response>,
    serve: (
      request: Request,
      write: (response: Response) => Promise<void>,
      context: CallContext,
    ) => Promise<void>,
  ): void;
  duplex<Request, Response>(
    method: Method<Request, Response>,
    serve: (stream: Duplex<Request, Response>, context: CallContext) => Promise<void>,
  ): void;
  /** Resolves when no call and nothing deferred is left. */
  idle(): Promise<void>;
}

export interface HandlersOptions {
  readonly server: Server;
  readonly draining: AbortSignal;
  /** Breaks the connection of a peer (address:port). */
  readonly cut: (peer: string) => void;
  /** Whether a caller's `traceparent` names its trace; otherwise each call gets a new one. */
  readonly takesTrace: boolean;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** A client without a deadline of its own does not hold a unary call for ever. */
const unaryMs = 60_000;
/** How long the last messages and the status may wait for the client to read. */
const farewellMs = 10_000;
const patienceMs = 30_000;
const maxWaitingBytes = 4 * 1024 * 1024;
/** The reason for all calls: without it each would make an error with a stack of its own, which costs as much as a small call. */
const isOver = new LeaseholdError('cancelled');

/** What all kinds of calls have in common. */
interface AnyCall {
  readonly cancelled: boolean;
  getPeer(): string;
  getAuthContext(): { readonly sslPeerCertificate?: PeerCertificate | undefined };
  getPath(): string;
  readonly metadata: Metadata;
  on(event: 'cancelled', listener: () => void): unknown;
}

/** A call that is answered with a stream. */
interface StreamingCall extends AnyCall {
  write(message: Buffer, done: () => void): boolean;
  end(): unknown;
  emit(event: 'error', status: WireStatus): boolean;
}

/** See `Handlers`. */
export function createHandlers(options: HandlersOptions): Handlers {
  const { server, clock, log, metrics } = options;
  const active = new Set<Promise<void>>();
  const track = (task: Promise<void>): void => {
    active.add(task);
    void task.finally(() => active.delete(task));
  };

  const traceOf = ({ metadata }: AnyCall): string => {
    const [parent] = options.takesTrace ? metadata.get('traceparent') : [];
    return (typeof parent === 'string' ? traceOfParent(parent) : undefined) ?? newTrace();
  };

  const begin = (call: AnyCall) => {
    const gone = new AbortController();
    const peer = call.getPeer();
    const deferred: (() => Promise<void>)[] = [];
    call.on('cancelled', () => gone.abort(isOver));
    if (call.cancelled) gone.abort(isOver);
    const context: CallContext = {
      peer: peer.replace(/:\d+$/, ''),
      certificate: call.getAuthContext().sslPeerCertificate,
      signal: gone.signal,
      draining: options.draining,
      defer: (task) => void deferred.push(task),
    };
    return {
      context,
      trace: traceOf(call),
      gone,
      cut: () => options.cut(peer),
      runDeferred: async () => {
        for (const task of deferred) await task();
      },
    };
  };

  const toOurs = (path: string, error: unknown): LeaseholdError => {
    const ours = LeaseholdError.from(error);
    if (ours.code === 'internal') log.error('a call failed', { path }, error);
    else if (ours.code === 'cancelled') log.debug('a caller went away', { path });
    else log.info('a call was refused', { path, code: ours.code, detail: ours.detail });
    return ours;
  };

  /** Streams of either kind: what is written passes an outbox, and the end waits for it, but not for ever. */
  const stream = (
    call: StreamingCall,
    serve: (
      push: (message: Buffer) => Promise<void>,
      context: CallContext,
      inTrace: <T>(run: () => T) => T,
    ) => Promise<void>,
  ): void => {
    const { context, trace, gone, cut, runDeferred } = begin(call);
    const inTrace = <T>(run: () => T): T => withTrace(trace, run);
    const outbox = createOutbox({
      write: (message, done) => void call.write(message, done),
      clock,
      maxBytes: maxWaitingBytes,
      patienceMs,
      onStuck: () => {
        log.info('a client does not read, its connection is cut', { peer: context.peer });
        cut();
        gone.abort(isOver);
      },
    });
    context.signal.addEventListener('abort', () => outbox.close(), { once: true });
    const farewell = () => {
      if (context.signal.aborted) return;
      const cancel = clock.after(farewellMs, cut);
      context.signal.addEventListener('abort', cancel, { once: true });
    };
    const run = async () => {
      try {
        await serve((message) => outbox.push(message), context, inTrace);
        farewell();
        call.end();
      } catch (error) {
        const status = toStatus(toOurs(call.getPath(), error));
        farewell();
        call.emit('error', status);
      }
      await runDeferred();
    };
    track(inTrace(run));
  };

  const unary: Handlers['unary'] = <Request, Response>(
    method: Method<Request, Response>,
    serve: (request: Request, context: CallContext) => Promise<Response>,
  ) => {
    const handle = (call: ServerUnaryCall<Request, Response>, answer: sendUnaryData<Response>) => {
      const { context, trace, gone, runDeferred } = begin(call);
      const startedAt = clock.monotonic();
      const run = async () => {
        let cancelTimer: () => void = () => undefined;
        const tooLong = new Promise<never>((_resolve, reject) => {
          cancelTimer = clock.after(unaryMs, () => reject(new LeaseholdError('deadline_exceeded')));
        });
        try {
          answer(null, await Promise.race([serve(call.request, context), tooLong]));
        } catch (error) {
          answer(toStatus(toOurs(method.path, error)));
        } finally {
          cancelTimer();
          gone.abort(isOver);
          metrics.observe('callSeconds', (clock.monotonic() - startedAt) / 1000, {
            method: methodName(method.path),
          });
        }
        await runDeferred();
      };
      track(withTrace(trace, run));
    };
    server.register(method.path, handle, method.responseSerialize, method.requestDeserialize, 'unary');
  };

  const serverStream: Handlers['serverStream'] = <Request, Response>(
    method: Method<Request, Response>,
    serve: (
      request: Request,
      write: (response: Response) => Promise<void>,
      context: CallContext,
    ) => Promise<void>,
  ) => {
    const handle = (call: ServerWritableStream<Request, Buffer>) =>
      stream(call, (push, context) =>
        serve(call.request, (response) => push(method.responseSerialize(response)), context),
      );
    server.register(method.path, handle, encoded, method.requestDeserialize, 'serverStream');
  };

  const duplex: Handlers['duplex'] = <Request, Response>(
    method: Method<Request, Response>,
    serve: (stream: Duplex<Request, Response>, context: CallContext) => Promise<void>,
  ) => {
    const handle = (call: ServerDuplexStream<Request, Buffer>) =>
      stream(call, (push, context, inTrace) =>
        serve(
          {
            // Events come out of the connection, which knows of no trace.
            receive: (onMessage, onEnd) => {
              call.on('data', (message: Request) => {
                call.pause();
                void inTrace(() => onMessage(message)).then(() => call.resume());
              });
              call.on('end', () => inTrace(onEnd));
            },
            send: (response) => push(method.responseSerialize(response)),
          },
          context,
        ),
      );
    server.register(method.path, handle, encoded, method.requestDeserialize, 'bidi');
  };

  return {
    unary,
    serverStream,
    duplex,
    idle: async () => {
      while (active.size > 0) await Promise.all(active);
    },
  };
}

/** The last segment; only paths of registered methods come here, so it is a closed set. */
export function methodName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Messages of streams are encoded when they are sent off, so that their size is known and their bytes can be overwritten. */
const encoded = (message: Buffer): Buffer => message;
