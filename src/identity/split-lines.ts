import { StringDecoder } from 'node:string_decoder';
import type { Readable } from 'node:stream';
import { LeaseholdError } from '../platform/error.ts';

/**
 * The lines of a byte stream, without their ends, empty ones left out. What follows the last line end is dropped: a line
 * that was cut off is no line. Throws `identity_unavailable` on a broken stream or a line over `maxBytes`; ends the stream
 * when the reader stops.
 */
export async function* splitLines(
  stream: Readable,
  options: { readonly maxBytes: number; readonly onChunk: () => void },
): AsyncGenerator<string, void, undefined> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  try {
    // Raw bytes: no encoding is set on the streams given here.
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      options.onChunk();
      // Pieces are joined only once a line end has come, so a long line costs no repeated search from its start.
      const text = decoder.write(chunk);
      if (!text.includes('\n')) {
        rest += text;
      } else {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) if (line !== '') yield line;
      }
      if (rest.length > options.maxBytes)
        throw new LeaseholdError('identity_unavailable', { detail: 'watch event too large' });
    }
  } catch (error) {
    if (error instanceof LeaseholdError) throw error;
    throw new LeaseholdError('identity_unavailable', { detail: 'watch broke off', cause: error });
  } finally {
    stream.destroy();
  }
}
