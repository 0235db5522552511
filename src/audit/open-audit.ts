import { createHmac } from 'node:crypto';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { randomId } from '../platform/random-id.ts';
import type { Secret } from '../platform/secret.ts';
import type { Audit } from './audit.ts';
import { openAuditFile } from './audit-file.ts';
import type { AuditFileSystem } from './audit-file-system.ts';
import type { AuditHead, AuditTail } from './audit-tail.ts';
import { createAuditWriter } from './audit-writer.ts';
import { createStrangers } from './strangers.ts';

export interface OpenAuditOptions {
  readonly file: string;
  /** Of the keyed hashes; at least 16 bytes. */
  readonly hmacKey: Secret;
  /** Longest wait of one record for the disk. */
  readonly maxWaitMs: number;
  readonly clock: Clock;
  readonly log: Log;
  /**
   * Told the newest durable position after the first write, then at most every `headEveryMs`, and at the end, so that something else
   * can hold it against a cut-off tail. Must not throw.
   */
  readonly onHead?: (head: AuditHead) => void;
  /** Default 10 s. */
  readonly headEveryMs?: number;
  /** A position that was durable in an earlier life: when the file lacks it, the first record says so. */
  readonly expectedHead?: AuditHead;
  readonly files?: AuditFileSystem;
}

const hmacLength = 32;

/**
 * The audit log in one file: JSON lines, each holding the hash of the one before. Writes `start` first and `stop` last. One broker writes
 * a file. Throws `audit_unavailable` when the file cannot be continued.
 */
export async function openAudit(options: OpenAuditOptions): Promise<Audit> {
  const { clock, log } = options;
  const file = await openAuditFile(options.file, options.files);
  const heads = createHeads(options);
  const writer = createAuditWriter({
    file,
    newChain: () => randomId('aud_'),
    maxWaitMs: options.maxWaitMs,
    clock,
    log,
    onWritten: (head) => heads.written(head),
  });
  const strangers = createStrangers({ record: (event) => writer.record(event), clock, log });
  try {
    await writer.record(startEvent(file.tail, options));
  } catch (error) {
    heads.close();
    await writer.close();
    await file.close();
    throw error;
  }

  return {
    record: (event) => writer.record(event),
    recordStranger: (event) => strangers.record(event),
    hmac: (reference) =>
      createHmac('sha256', options.hmacKey.open()).update(reference).digest('hex').slice(0, hmacLength),
    [Symbol.asyncDispose]: async () => {
      await strangers.close();
      await writer
        .record({ action: 'stop', outcome: 'ok', actor: 'broker' })
        .catch((error: unknown) => log.error('the end of the audit log has no record', {}, error));
      await writer.close();
      heads.close();
      await file.close();
    },
  };
}

/** What was found at the start stands in the chain itself, where nobody can take it back quietly. */
function startEvent(tail: AuditTail, options: OpenAuditOptions): Parameters<Audit['record']>[0] {
  const { expectedHead } = options;
  const base = { action: 'start', actor: 'broker' } as const;
  const lacks = expectedHead !== undefined && !hasHead(tail, expectedHead);
  if (lacks) {
    options.log.error('the audit log lacks a record that was durable', { seq: expectedHead.seq });
    return {
      ...base,
      outcome: 'failed',
      reason: `the log lacks record ${expectedHead.seq} of chain ${expectedHead.chain}, which was durable`,
    };
  }
  if (tail.tornBytes === 0) return { ...base, outcome: 'ok' };
  options.log.warn('an unfinished end of the audit log was cut off', { bytes: tail.tornBytes });
  return { ...base, outcome: 'ok', reason: 'a torn last line was cut off', count: tail.tornBytes };
}

/** As far back as the end of the file was read; before that, the number must do, and `verifyAudit` knows the rest. */
function hasHead(tail: AuditTail, { chain, seq, hash }: AuditHead): boolean {
  if (tail.head?.chain !== chain || tail.head.seq < seq) return false;
  const found = tail.recent.get(seq);
  return found === undefined || found === hash;
}

function createHeads(options: OpenAuditOptions): { written(head: AuditHead): void; close(): void } {
  const everyMs = options.headEveryMs ?? 10_000;
  let untold: AuditHead | undefined;
  let cancel: (() => void) | undefined;
  const tell = () => {
    if (untold === undefined) return;
    options.onHead?.(untold);
    untold = undefined;
  };
  return {
    written: (head) => {
      untold = head;
      if (cancel !== undefined) return;
      tell();
      const rest = () => {
        cancel = undefined;
        if (untold === undefined) return;
        tell();
        cancel = options.clock.after(everyMs, rest);
      };
      cancel = options.clock.after(everyMs, rest);
    },
    close: () => {
      cancel?.();
      tell();
    },
  };
}
