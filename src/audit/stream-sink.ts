import { write } from 'node:fs';
import { promisify } from 'node:util';
import { LeaseholdError } from '../platform/error.ts';
import type { AuditSink } from './audit-file.ts';

/** Takes some of the bytes from an offset on, and says how many. */
export type WriteSome = (bytes: Uint8Array, offset: number) => Promise<number>;

/**
 * Lines to whoever collects them, for clusters that gather standard output. What was handed over is called durable; the collector sees to the
 * rest. Nothing can be read back, so each life of a broker begins a chain of its own.
 */
export function createStreamSink(writeSome: WriteSome): AuditSink {
  let broken = false;
  return {
    tail: {
      first: undefined,
      head: undefined,
      recent: new Map(),
      headDue: undefined,
      endAt: 0,
      tornBytes: 0,
    },
    overAs: () => undefined,
    append: async ({ bytes }) => {
      // Half a line cannot be taken back, and what comes after it would be part of it.
      if (broken) throw unavailable('the audit stream broke in the middle of a record');
      let written = 0;
      try {
        while (written < bytes.byteLength) written += await writeSome(bytes, written);
      } catch (cause) {
        broken = written > 0;
        throw unavailable('the audit stream cannot be written', cause);
      }
    },
    close: () => Promise.resolve(),
  };
}

const writeFd = promisify(write);
const fullPauseMs = 20;

/**
 * Standard output, without `process.stdout`: that writes to a pipe while everything else stands still, and a collector that hangs would hang the
 * broker.
 */
export const writeToStandardOutput: WriteSome = async (bytes, offset) => {
  for (;;) {
    try {
      return (await writeFd(1, bytes, offset)).bytesWritten;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
      await new Promise((resolve) => setTimeout(resolve, fullPauseMs));
    }
  }
};

function unavailable(detail: string, cause?: unknown): LeaseholdError {
  return new LeaseholdError('audit_unavailable', cause === undefined ? { detail } : { detail, cause });
}
