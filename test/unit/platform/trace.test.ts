import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLog } from '../../../src/platform/log.ts';
import { currentTrace, newTrace, traceOfParent, withTrace } from '../../../src/platform/trace.ts';

const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
const parent = `00-${trace}-00f067aa0ba902b7-01`;

describe('traceOfParent', () => {
  it.each([
    ['', 'nothing'],
    [`ff-${trace}-00f067aa0ba902b7-01`, 'the version that may not be'],
    [`00-${'0'.repeat(32)}-00f067aa0ba902b7-01`, 'a trace of zeros'],
    [`00-${trace}-${'0'.repeat(16)}-01`, 'a parent of zeros'],
    [parent.toUpperCase(), 'upper case'],
    [`${parent}-more`, 'more than version 00 has'],
    [`00-${trace}`, 'half of it'],
    [`${parent}\n`, 'a line end'],
  ])('takes no trace from %j: %s', (header) => {
    expect(traceOfParent(header)).toBeUndefined();
  });

  it('takes the trace of a parent, of a later version too', () => {
    expect(traceOfParent(parent)).toBe(trace);
    expect(traceOfParent(`01-${trace}-00f067aa0ba902b7-01-more`)).toBe(trace);
  });

  it('gives nothing but 32 hexadecimal digits, whatever it is given', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 80 }), (header) => {
        expect(traceOfParent(header) ?? newTrace()).toMatch(/^[0-9a-f]{32}$/);
      }),
    );
  });
});

describe('withTrace', () => {
  it('follows what it started, and nothing else', async () => {
    const seen = await withTrace(trace, async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return currentTrace();
    });
    expect([seen, currentTrace()]).toEqual([trace, undefined]);
  });

  it('stands in every log line of it', () => {
    const lines: string[] = [];
    const log = createLog({
      level: 'info',
      name: 'test',
      destination: { write: (line) => lines.push(line) },
    });
    withTrace(trace, () => log.info('inside'));
    log.info('outside');
    expect(lines.map((line) => JSON.parse(line) as { trace?: string }).map((line) => line.trace)).toEqual([
      trace,
      undefined,
    ]);
  });
});
