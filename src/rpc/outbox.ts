import type { Clock } from '../platform/clock.ts';

/** Messages on their way to one client. What it does not read waits in memory, so there is a limit to both size and patience. */
export interface Outbox {
  /**
   * Hands over one encoded message, and overwrites it when it has left. Resolves then, or when the outbox is closed; never rejects.
   * After the end it does nothing.
   */
  push(message: Buffer): Promise<void>;
  close(): void;
}

export interface OutboxOptions {
  readonly write: (message: Buffer, done: () => void) => void;
  readonly clock: Clock;
  /** What may wait besides one message of any size. */
  readonly maxBytes: number;
  /** Longest time without any message leaving while one waits. */
  readonly patienceMs: number;
  /** Called once: the client does not read. The outbox is closed then. */
  readonly onStuck: () => void;
}

/** See `Outbox`. */
export function createOutbox(options: OutboxOptions): Outbox {
  const waiting = new Set<() => void>();
  let bytes = 0;
  let closed = false;
  let cancelPatience: () => void = () => undefined;

  const close = () => {
    closed = true;
    cancelPatience();
    for (const resolve of waiting) resolve();
    waiting.clear();
  };
  const stuck = () => {
    if (closed) return;
    close();
    options.onStuck();
  };
  const beginPatience = () => {
    cancelPatience();
    if (waiting.size > 0) cancelPatience = options.clock.after(options.patienceMs, stuck);
  };

  return {
    push: (message) => {
      const { byteLength } = message;
      if (closed) return Promise.resolve();
      if (bytes > 0 && bytes + byteLength > options.maxBytes) {
        stuck();
        return Promise.resolve();
      }
      return new Promise<void>((resolve) => {
        waiting.add(resolve);
        bytes += byteLength;
        if (waiting.size === 1) beginPatience();
        options.write(message, () => {
          message.fill(0);
          bytes -= byteLength;
          resolve();
          if (closed) return;
          waiting.delete(resolve);
          beginPatience();
        });
      });
    },
    close,
  };
}
