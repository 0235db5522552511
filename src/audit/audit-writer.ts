import type { Clock } from '../platform/clock.ts';
import { endsWithin } from '../platform/ends-within.ts';
import { LeaseholdError } from '../platform/error.ts';
import type { Log } from '../platform/log.ts';
import { currentTrace } from '../platform/trace.ts';
import type { AuditEvent } from './audit.ts';
import type { AuditSink } from './audit-file.ts';
import type { AuditHead } from './audit-tail.ts';
import { encodeRecord, hashLine, longestLine, noHash } from './record.ts';
import type { HeadSigner } from './signing-keys.ts';
import { type HeadDue, type HeadPace, isHeadDue, type SignedHead, signHead } from './signed-head.ts';

/** Puts events into the chain, in the order of calls, many to one write while the disk is busy. */
export interface AuditWriter {
  /** Resolves when the event is durable; `audit_unavailable` when it is not within the bounded wait. */
  record(event: AuditEvent): Promise<void>;
  /** False when what was to be written last was not, in time or at all. */
  takesRecords(): boolean;
  /** Last durable record. */
  head(): AuditHead | undefined;
  /** Nothing more is taken; resolves when what was taken is settled, or after the bounded wait. */
  close(): Promise<void>;
}

export interface AuditSigning {
  readonly signer: HeadSigner;
  readonly pace: HeadPace;
  /** Told each signed head once it is durable. Must not throw. */
  readonly onHead: (head: SignedHead) => void;
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
  readonly file: AuditSink;
  /** Of a file without records. */
  readonly newChain: () => string;
  readonly maxWaitMs: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Without it the chain has no signed heads. */
  readonly signing?: AuditSigning;
  readonly onWritten: (head: AuditHead) => void;
  /** When it aborts, nothing is taken any more. */
  readonly lost?: AbortSignal;
}): AuditWriter {
  const { file, clock, log, signing } = options;
  let head = file.tail.head;
  let due = file.tail.headDue;
  const chain = head?.chain ?? options.newChain();
  const queue = new Set<Waiting>();
  let writing: Promise<void> | undefined;
  let closed = false;
  let isWritten = true;

  /** Takes what waits, as much as one write holds, and gives each its place in the chain. */
  const takeBatch = () => {
    const from = head ?? { chain, seq: 0, hash: noHash };
    const next = startBatch({ head: from, due });
    const over = file.overAs();
    // Always the first of its file, before a head that may be due.
    if (over !== undefined)
      next.put(
        { action: 'file', outcome: 'ok', actor: 'broker', reason: `goes on after ${over}` },
        new Date(clock.now()).toISOString(),
      );
    const batch: Waiting[] = [];
    for (const waiting of queue) {
      if (next.bytes() >= largestWrite) break;
      queue.delete(waiting);
      try {
        if (waiting.event.action === 'head') next.addHead();
        else next.add(waiting);
        batch.push(waiting);
      } catch (error) {
        // One event that cannot be written down must not take the others with it.
        waiting.reject(LeaseholdError.from(error));
      }
    }
    return { batch, next, beginsFile: over !== undefined };
  };

  /** Lines that follow each other in the chain, and in between the signed heads that are due. */
  const startBatch = (from: { readonly head: AuditHead; readonly due: HeadDue | undefined }) => {
    let { head: at, due: nextDue } = from;
    let bytes = 0;
    let first = { seq: from.head.seq + 1, at: '' };
    const lines: string[] = [];
    const heads: SignedHead[] = [];
    const put = (event: AuditEvent, asked: string): void => {
      const line = encode(at, { event, at: asked });
      bytes += Buffer.byteLength(line) + 1;
      if (lines.length === 0) first = { seq: at.seq + 1, at: asked };
      at = { chain, seq: at.seq + 1, hash: hashLine(line) };
      lines.push(line, '\n');
    };
    const addHead = (): void => {
      if (signing === undefined) throw unavailable('there is no key to sign a head with');
      const { signer, pace } = signing;
      const signedAt = new Date(clock.now()).toISOString();
      const signed = signHead({ signer, pace, head: at, at: signedAt });
      heads.push({ ...at, at: signedAt, ...signed });
      put({ action: 'head', outcome: 'ok', actor: 'broker', ...signed }, signedAt);
      nextDue = signed;
    };
    return {
      add: (waiting: Pick<Waiting, 'event' | 'at'>): void => {
        const isDue = nextDue === undefined || isHeadDue(nextDue, { seq: at.seq + 1, at: waiting.at });
        // The first record of a chain has nothing before it to vouch for.
        if (signing !== undefined && at.seq > 0 && isDue) addHead();
        put(waiting.event, waiting.at);
      },
      addHead,
      put,
      bytes: () => bytes,
      end: () => ({ first, head: at, due: nextDue, heads, text: lines.join('') }),
    };
  };

  const writeBatch = async (): Promise<void> => {
    const { batch, next, beginsFile } = takeBatch();
    if (batch.length === 0) return;
    const written = next.end();
    try {
      const { first, head: last } = written;
      await file.append({ bytes: Buffer.from(written.text, 'utf8'), first, head: last, beginsFile });
      isWritten = true;
    } catch (error) {
      isWritten = false;
      log.error('audit records could not be written', { records: batch.length }, error);
      for (const { reject } of batch) reject(LeaseholdError.from(error));
      return;
    }
    head = written.head;
    due = written.due;
    for (const { resolve } of batch) resolve();
    for (const signed of written.heads) signing?.onHead(signed);
    options.onWritten(head);
  };

  const writeAll = async (): Promise<void> => {
    while (queue.size > 0) await writeBatch();
    writing = undefined;
  };

  const refusalNow = (): string | undefined => {
    if (closed) return 'the audit log is closed';
    if (options.lost?.aborted === true) return 'another broker has the name of this replica';
    return queue.size >= longestQueue ? 'too many records wait for the disk' : undefined;
  };

  return {
    record: (event) =>
      new Promise((resolve, reject) => {
        const refusal = refusalNow();
        if (refusal !== undefined) {
          reject(unavailable(refusal));
          return;
        }
        const cancel = clock.after(options.maxWaitMs, () => {
          // Once its write has begun it may still be written: it then says more than happened, never less.
          queue.delete(waiting);
          isWritten = false;
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
    takesRecords: () => isWritten && options.lost?.aborted !== true,
    head: () => head,
    close: async () => {
      closed = true;
      await endsWithin(Promise.resolve(writing), { clock, ms: options.maxWaitMs });
    },
  };
}

function encode(before: AuditHead, { event, at }: Pick<Waiting, 'event' | 'at'>): string {
  const line = encodeRecord({ chain: before.chain, seq: before.seq + 1, at, prev: before.hash }, event);
  if (Buffer.byteLength(line) > longestLine) throw unavailable('the record is too long');
  return line;
}

function unavailable(detail: string): LeaseholdError {
  return new LeaseholdError('audit_unavailable', { detail });
}
