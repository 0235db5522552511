import { createHmac } from 'node:crypto';
import type { Clock } from '../platform/clock.ts';
import { LeaseholdError } from '../platform/error.ts';
import type { Log } from '../platform/log.ts';
import { randomId } from '../platform/random-id.ts';
import type { Secret } from '../platform/secret.ts';
import type { Audit, AuditEvent } from './audit.ts';
import { type AuditSink, openAuditFile, type RotateLimits } from './audit-file.ts';
import type { AuditFileSystem } from './audit-file-system.ts';
import type { AuditHead, AuditTail } from './audit-tail.ts';
import { type AuditSigning, type AuditWriter, createAuditWriter } from './audit-writer.ts';
import { createStreamSink, type WriteSome } from './stream-sink.ts';
import { createOwedRecords, type OwedRecords, type OwedStore } from './owed.ts';
import { createStrangers } from './strangers.ts';

export interface OpenAuditOptions {
  /** A file, or whoever takes the lines. */
  readonly file: string | WriteSome;
  /** Of a file. Default: it is never over. */
  readonly rotate?: RotateLimits;
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
  /** Signed heads at the start, at the end, and in between at the given pace. Without it the chain has none. */
  readonly signing?: AuditSigning;
  /** Stable name of this broker, for the first record of its life. */
  readonly replica?: string;
  /** Aborts when another broker writes under this one's name: nothing is recorded any more. */
  readonly lost?: AbortSignal;
  /** Keeps the records that are owed. Default: they are kept in memory. */
  readonly owed?: { readonly store: OwedStore; readonly onOwed: () => void };
  /** Default 10 s. */
  readonly headEveryMs?: number;
  /** A position that was durable in an earlier life: when the file lacks it, the first record says so. */
  readonly expectedHead?: AuditHead;
  readonly files?: AuditFileSystem;
}

const hmacLength = 32;
/** Of refusals of proved nodes, in a minute: some codes for each of many nodes. */
const nodeKinds = 1_000;

/**
 * The audit log in one file: JSON lines, each holding the hash of the one before. Writes `start` first and `stop` last. One broker writes
 * a file. Throws `audit_unavailable` when the file cannot be continued.
 */
export async function openAudit(options: OpenAuditOptions): Promise<Audit> {
  const { clock, log, signing } = options;
  const file = await openSink(options);
  const heads = createHeads(options);
  const writer = createAuditWriter({
    file,
    newChain: () => randomId('aud_'),
    maxWaitMs: options.maxWaitMs,
    clock,
    log,
    ...(signing === undefined ? {} : { signing }),
    ...(options.lost === undefined ? {} : { lost: options.lost }),
    onWritten: (head) => heads.written(head),
  });
  const sealing =
    signing === undefined ? undefined : sealOften({ writer, everyMs: signing.pace.everyMs, clock, log });
  const record = (event: AuditEvent) => writer.record(event);
  const strangers = createStrangers({ record, clock, log });
  // Apart, so that strangers cannot crowd out what is said of nodes that can be named.
  const nodes = createStrangers({ record, clock, log, kindsPerWindow: nodeKinds });
  let owed: OwedRecords;
  try {
    if (file.tail.headDue !== undefined && signing === undefined)
      throw new LeaseholdError('audit_unavailable', {
        detail: 'the chain has signed heads, and no key to go on with them is configured',
      });
    await writer.record(startEvent(file.tail, options));
    await sealing?.seal();
    owed = createOwedRecords({
      record: (event) => writer.record(event),
      store: options.owed?.store ?? { write: () => Promise.resolve() },
      onOwed: options.owed?.onOwed ?? (() => undefined),
      clock,
      log,
    });
  } catch (error) {
    sealing?.stop();
    heads.close();
    await writer.close();
    await file.close();
    throw error;
  }

  return {
    record: (event) => writer.record(event),
    recordAnyway: (event) => owed.recordAnyway(event),
    recordStranger: (event) => (event.node === undefined ? strangers : nodes).record(event),
    owed: () => owed.count(),
    hasRoom: () => owed.hasRoom(),
    takesRecords: () => writer.takesRecords(),
    hmac: (reference) =>
      createHmac('sha256', options.hmacKey.open()).update(reference).digest('hex').slice(0, hmacLength),
    [Symbol.asyncDispose]: async () => {
      sealing?.stop();
      await Promise.all([strangers.close(), nodes.close()]);
      await owed.close();
      await writer
        .record({ action: 'stop', outcome: 'ok', actor: 'broker' })
        .catch((error: unknown) => log.error('the end of the audit log has no record', {}, error));
      await sealing?.seal().catch(() => undefined);
      await writer.close();
      heads.close();
      await file.close();
    },
  };
}

async function openSink({ file, rotate, files, clock }: OpenAuditOptions): Promise<AuditSink> {
  if (typeof file !== 'string') return createStreamSink(file);
  return openAuditFile({
    path: file,
    now: () => clock.now(),
    ...(rotate === undefined ? {} : { rotate }),
    ...(files === undefined ? {} : { files }),
  });
}

/** What was found at the start stands in the chain itself, where nobody can take it back quietly. */
function startEvent(tail: AuditTail, options: OpenAuditOptions): Parameters<Audit['record']>[0] {
  const { expectedHead } = options;
  const { replica } = options;
  const base = { action: 'start', actor: 'broker', ...(replica === undefined ? {} : { replica }) } as const;
  if (typeof options.file !== 'string')
    return {
      ...base,
      outcome: 'ok',
      ...(expectedHead === undefined
        ? {}
        : { reason: `the chain before was ${expectedHead.chain}, known up to record ${expectedHead.seq}` }),
    };
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

/** A chain in which little happens gets its heads by the clock; where nothing happened since the last one, there is nothing to vouch for. */
function sealOften(options: {
  readonly writer: AuditWriter;
  readonly everyMs: number;
  readonly clock: Clock;
  readonly log: Log;
}): { seal(): Promise<void>; stop(): void } {
  const { writer, clock, log } = options;
  let sealedSeq = 0;
  let cancel: () => void = () => undefined;
  const seal = async (): Promise<void> => {
    if (writer.head()?.seq === sealedSeq) return;
    try {
      await writer.record({ action: 'head', outcome: 'ok', actor: 'broker' });
      sealedSeq = writer.head()?.seq ?? 0;
    } catch (error) {
      log.error('the head of the audit chain could not be signed and written', {}, error);
      throw error;
    }
  };
  const wait = () => {
    cancel = clock.after(options.everyMs, () => {
      wait();
      // Whatever is written next has a head before it: the writer sees to that.
      seal().catch(() => undefined);
    });
  };
  wait();
  return { seal, stop: () => cancel() };
}
