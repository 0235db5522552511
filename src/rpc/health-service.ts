import { service } from 'grpc-health-check';
import { LeaseholdError } from '../platform/error.ts';
import type { Handlers, Method } from './handler.ts';

type Serving = 'SERVING' | 'NOT_SERVING';

interface HealthRequest {
  readonly service: string;
}

interface HealthReply {
  readonly status: Serving | 'SERVICE_UNKNOWN';
}

/** The standard health service of one listener, open to anybody who can connect. */
export interface Health {
  setServing(serving: boolean): void;
  addTo(handlers: Handlers): void;
}

/** Watches cost a stream each and need no proof, so there are only as many as monitoring needs. */
const maxWatches = 64;

/**
 * grpc-health-check gives the service definition only: its implementation remembers every name that a stranger asks to
 * watch, for ever, and repeats it in errors. Here the names are the empty one and those given.
 */
export function createHealth(names: readonly string[]): Health {
  const known = new Set(['', ...names]);
  const watches = new Set<() => void>();
  let serving: Serving = 'NOT_SERVING';

  const watch = async (
    name: string,
    write: (reply: HealthReply) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> => {
    if (watches.size >= maxWatches) throw new LeaseholdError('overloaded');
    let changed: () => void = () => undefined;
    const wake = () => changed();
    watches.add(wake);
    signal.addEventListener('abort', wake, { once: true });
    const isOver = () => signal.aborted;
    try {
      while (!isOver()) {
        const next = new Promise<void>((resolve) => (changed = resolve));
        await write({ status: known.has(name) ? serving : 'SERVICE_UNKNOWN' });
        if (!isOver()) await next;
      }
    } finally {
      watches.delete(wake);
    }
  };

  return {
    setServing: (next) => {
      serving = next ? 'SERVING' : 'NOT_SERVING';
      for (const wake of watches) wake();
    },
    addTo: (handlers) => {
      handlers.unary(methodOf<HealthReply>('Check'), async ({ service: name }) => {
        if (!known.has(name)) throw new LeaseholdError('request_invalid', { detail: 'service: unknown' });
        return { status: serving };
      });
      handlers.unary(methodOf<{ statuses: Record<string, HealthReply> }>('List'), async () => ({
        statuses: Object.fromEntries([...known].map((name) => [name, { status: serving }])),
      }));
      handlers.serverStream(methodOf<HealthReply>('Watch'), async ({ service: name }, write, context) => {
        const ends = AbortSignal.any([context.signal, context.draining]);
        await watch(name, write, ends);
        throw new LeaseholdError('shutting_down');
      });
    },
  };
}

/** The definition of one method, with the types that its .proto file gives it. */
function methodOf<Response>(name: string): Method<HealthRequest, Response> {
  const method = service[name];
  if (method === undefined) throw new LeaseholdError('internal', { detail: 'the health API has changed' });
  // Proven edge: the package is pinned, and its .proto is the public standard.
  return method as unknown as Method<HealthRequest, Response>;
}
