import type { Clock } from '../platform/clock.ts';
import { LeaseholdError } from '../platform/error.ts';
import type { Log } from '../platform/log.ts';
import { currentTrace } from '../platform/trace.ts';
import type { AuditEvent } from './audit.ts';
import type { AuditFile } from './audit-file.ts';
import type { AuditHead } from './audit-tail.ts';
import { encodeRecord, hashLine, longestLine, noHash } from './record.ts';

/** Puts events into the chain, in the order of calls, many to one write while the disk is busy. */
export interface AuditWriter {
  /** Resolves when the event is durable; `audit_unavailable` when it is not within the bounded wait. */
  record(event: AuditEvent): Promise<void>;
  /** Last durable record. */
  head(): AuditHead | undefined;
  /** Nothing more is taken; resolves when what was taken is settled, or after the bounded wait. */
  close(): Promise<void>;
}

interface Waiting {
  readonly event: AuditEvent;
  readonly at: string;
  readonly resolve: () => void;
  readonly reject: (error: LeaseholdError) => void;
}

/** Past this, callers are refused at once: memory stays bounded while the disk hangs. */
const longestQueue = 20_000;
/** Less than what is looked at when the file is opened, so that a write cut by a crash is seen whole. */
const largestWrite = 512 * 1024;

export function createAuditWriter(options: {
  readonly file: AuditFile;
  /** Of a file without records. */
  readonly newChain: () => string;
  readonly maxWaitMs: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly onWritten: (head: AuditHead) => void;
}): AuditWriter {
  const { file, clock, log } = options;
  let head = file.tail.head;
  const chain = head?.chain ?? options.newChain();
  const queue = new Set<Waiting>();
  let writing: Promise<void> | undefined;
  let closed = false;

  const writeBatch = async (): Promise<void> => {
    let next = head ?? { chain, seq: 0, hash: noHash };
    const batch: Waiting[] = [];
    const lines: string[] = [];
    let bytes = 0;
    for (const waiting of queue) {
      if (bytes >= largestWrite) break;
      queue.delete(waiting);
      try {
        const line = encode(next, waiting);
        bytes += Buffer.byteLength(line) + 1;
        next = { chain, seq: next.seq + 1, hash: hashLine(line) };
        lines.push(line, '\n');
        batch.push(waiting);
      } catch (error) {
        // One event that cannot be written down must not take the others with it.
        waiting.reject(LeaseholdError.from(error));
      }
    }
    if (batch.length === 0) return;
    try {
      await file.append(Buffer.from(lines.join(''), 'utf8'));
    } catch (error) {
      log.error('audit records could not be written', { records: batch.length }, error);
      for (const { reject } of batch) reject(LeaseholdError.from(error));
      return;
    }
    head = next;
    for (const { resolve } of batch) resolve();
    options.onWritten(next);
  };

  const writeAll = async (): Promise<void> => {
    while (queue.size > 0) await writeBatch();
    writing = undefined;
  };

  return {
    record: (event) =>
      new Promise((resolve, reject) => {
        if (closed || queue.size >= longestQueue) {
          reject(unavailable(closed ? 'the audit log is closed' : 'too many records wait for the disk'));
          return;
        }
        const cancel = clock.after(options.maxWaitMs, () => {
          // Once its write has begun it may still be written: it then says more than happened, never less.
          queue.delete(waiting);
          reject(unavailable('the disk did not take the record in time'));
        });
        const trace = event.trace ?? currentTrace();
        const waiting: Waiting = {
          event: trace === undefined ? event : { ...event, trace },
          at: new Date(clock.now()).toISOString(),
          resolve: () => {
            cancel();
            resolve();
          },
          reject: (error) => {
            cancel();
            reject(error);
          },
        };
        queue.add(waiting);
        writing ??= writeAll();
      }),
    head: () => head,
    close: async () => {
      closed = true;
      let cancel: () => void = () => undefined;
      const waited = new Promise<void>((resolve) => {
        cancel = clock.after(options.maxWaitMs, resolve);
      });
      await Promise.race([writing, waited]);
      cancel();
    },
  };
}

function encode(before: AuditHead, { event, at }: Waiting): string {
  const line = encodeRecord({ chain: before.chain, seq: before.seq + 1, at, prev: before.hash }, event);
  if (Buffer.byteLength(line) > longestLine) throw unavailable('the record is too long');
  return line;
}

function unavailable(detail: string): LeaseholdError {
  return new LeaseholdError('audit_unavailable', { detail });
}
