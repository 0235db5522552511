import { createReadStream } from 'node:fs';
import { LeaseholdError } from '../platform/error.ts';
import { longestLine } from './record.ts';

export interface Line {
  /** Without the newline. */
  readonly bytes: Buffer;
  /** False for a last line without its newline, and for the beginning of one that is longer than any record. */
  readonly isComplete: boolean;
}

/**
 * Lines of a file as bytes, from the given position on, split at `\n` and nothing else: a reader that also splits at `\r`, or decodes first, would not see everything
 * that was added. Constant memory: a line that is longer than any record is given up where it gets too long, and ends the reading.
 * Throws `audit_unavailable` when the file cannot be read.
 */
export async function* linesOf(file: string, from = 0): AsyncGenerator<Line> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunksOf(file, from)) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let begin = 0;
    for (;;) {
      const end = bytes.indexOf(0x0a, begin);
      if (end === -1) break;
      yield { bytes: bytes.subarray(begin, end), isComplete: true };
      begin = end + 1;
    }
    rest = bytes.subarray(begin);
    if (rest.length > longestLine) break;
  }
  if (rest.length > 0) yield { bytes: rest, isComplete: false };
}

async function* chunksOf(file: string, from: number): AsyncGenerator<Buffer> {
  const stream = createReadStream(file, { start: from });
  try {
    for await (const chunk of stream) {
      if (Buffer.isBuffer(chunk)) yield chunk;
    }
  } catch (cause) {
    throw new LeaseholdError('audit_unavailable', { detail: 'an audit file cannot be read', cause });
  } finally {
    stream.destroy();
  }
}
