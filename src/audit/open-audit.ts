import { createHmac } from 'node:crypto';
import type { Clock } from '../platform/clock.ts';
import { LeaseholdError } from '../platform/error.ts';
import type { Log } from '../platform/log.ts';
import { randomId } from '../platform/random-id.ts';
import type { Secret } from '../platform/secret.ts';
import type { Audit, AuditEvent } from './audit.ts';
import { openAuditFile } from './audit-file.ts';
import { auditRecordSchema, encodeRecord, hashLine, noHash } from './record.ts';
import { createStrangers } from './strangers.ts';

export interface OpenAuditOptions {
  readonly file: string;
  /** Of the keyed hashes; at least 16 bytes. */
  readonly hmacKey: Secret;
  /** Longest wait of one record for the disk. */
  readonly maxWaitMs: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Told the newest durable position after each write, so that something else can hold it against a cut-off tail. */
  readonly onHead?: (head: { readonly chain: string; readonly seq: number; readonly hash: string }) => void;
}

interface Waiting {
  readonly event: AuditEvent;
  readonly at: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const longestQueue = 20_000;
const hmacLength = 32;

/**
 * The audit log in one file: JSON lines, each holding the hash of the one before. Records that come while the disk is busy are
 * written together. Throws `audit_unavailable` when the file cannot be continued.
 */
export async function openAudit(options: OpenAuditOptions): Promise<Audit> {
  const { clock, log } = options;
  const file = await openAuditFile(options.file);
  const { chain, ...head } = readHead(file.tail.lastLine);
  let { seq, prev } = head;
  let queue: Waiting[] = [];
  let writing: Promise<void> | undefined;
  let closed = false;

  const writeBatch = async (batch: readonly Waiting[]): Promise<void> => {
    let nextSeq = seq;
    let nextPrev = prev;
    let text = '';
    for (const { event, at } of batch) {
      nextSeq += 1;
      const line = encodeRecord({ chain, seq: nextSeq, at, prev: nextPrev }, event);
      nextPrev = hashLine(line);
      text += `${line}\n`;
    }
    await file.append(Buffer.from(text, 'utf8'));
    seq = nextSeq;
    prev = nextPrev;
    options.onHead?.({ chain, seq, hash: prev });
  };

  const writeAll = async (): Promise<void> => {
    while (queue.length > 0) {
      const batch = queue;
      queue = [];
      try {
        await writeBatch(batch);
        for (const { resolve } of batch) resolve();
      } catch (error) {
        log.error('audit records could not be written', { records: batch.length }, error);
        for (const { reject } of batch) reject(error);
      }
    }
  };

  const pump = () => {
    writing ??= writeAll().finally(() => {
      writing = undefined;
      if (queue.length > 0) pump();
    });
  };

  const record = (event: AuditEvent): Promise<void> =>
    new Promise((resolve, reject) => {
      if (closed || queue.length >= longestQueue) {
        reject(new LeaseholdError('audit_unavailable', { detail: closed ? 'closed' : 'queue full' }));
        return;
      }
      // A record whose wait is over may still be written: it then says more than happened, never less.
      const cancel = clock.after(options.maxWaitMs, () => {
        queue = queue.filter((waiting) => waiting !== own);
        reject(
          new LeaseholdError('audit_unavailable', { detail: 'the disk did not take the record in time' }),
        );
      });
      const own: Waiting = {
        event,
        at: new Date(clock.now()).toISOString(),
        resolve: () => {
          cancel();
          resolve();
        },
        reject: (error) => {
          cancel();
          reject(LeaseholdError.from(error));
        },
      };
      queue.push(own);
      pump();
    });

  const strangers = createStrangers({ record, clock, log });
  await record({
    action: 'start',
    outcome: 'ok',
    actor: 'broker',
    ...(file.tail.cutBytes === 0
      ? {}
      : { reason: 'a torn last line was cut off', count: file.tail.cutBytes }),
  }).catch(async (error: unknown) => {
    await file.close();
    throw error;
  });

  return {
    record,
    recordStranger: (event) => strangers.record(event),
    hmac: (reference) =>
      createHmac('sha256', options.hmacKey.open()).update(reference).digest('hex').slice(0, hmacLength),
    [Symbol.asyncDispose]: async () => {
      await strangers.close();
      await record({ action: 'stop', outcome: 'ok', actor: 'broker' }).catch((error: unknown) =>
        log.error('the end of the audit log has no record', {}, error),
      );
      closed = true;
      await writing;
      await file.close();
    },
  };
}

function readHead(lastLine: Uint8Array | undefined): { chain: string; seq: number; prev: string } {
  if (lastLine === undefined) return { chain: randomId('aud_'), seq: 0, prev: noHash };
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(lastLine).toString('utf8'));
  } catch (cause) {
    throw new LeaseholdError('audit_unavailable', { detail: 'the last line is not a record', cause });
  }
  const head = auditRecordSchema.safeParse(parsed);
  if (!head.success)
    throw new LeaseholdError('audit_unavailable', { detail: 'the last line is not a record' });
  return { chain: head.data.chain, seq: head.data.seq, prev: hashLine(lastLine) };
}
