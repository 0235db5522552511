import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitLines } from '../../../src/identity/split-lines.ts';
import { expectRefusal } from './refusal.ts';

async function linesOf(chunks: Iterable<Uint8Array>, maxBytes = 1_000): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of splitLines(Readable.from(chunks, { objectMode: false }), {
    maxBytes,
    onChunk: () => undefined,
  }))
    lines.push(line);
  return lines;
}

describe('splitLines', () => {
  it('refuses a line that grows past its limit', async () => {
    const endless = function* () {
      for (;;) yield Buffer.alloc(100, 'x');
    };
    await expectRefusal(() => linesOf(endless()), 'identity_unavailable', /too large/);
  });

  it('turns a broken stream into our own error', async () => {
    const broken = function* () {
      yield Buffer.from('one\n');
      throw new Error('canary');
    };
    await expectRefusal(() => linesOf(broken()), 'identity_unavailable', /broke off/);
  });

  it('drops a last line that was cut off', async () => {
    expect(await linesOf([Buffer.from('one\n\ntwo\n{"half')])).toEqual(['one', 'two']);
  });

  it('yields the same lines however the bytes are cut', async () => {
    const line = fc.string({ unit: 'grapheme', maxLength: 8 }).filter((text) => !text.includes('\n'));
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 5 })),
        async (lines, cuts) => {
          const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
          const chunks: Buffer[] = [];
          let at = 0;
          for (const cut of cuts) {
            if (at >= bytes.length) break;
            chunks.push(bytes.subarray(at, at + cut));
            at += cut;
          }
          if (at < bytes.length) chunks.push(bytes.subarray(at));
          expect(await linesOf(chunks)).toEqual(lines.filter((text) => text !== ''));
        },
      ),
    );
  });
});
