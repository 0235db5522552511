import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { durationOf, momentOf, parseDuration } from '../../../src/cli/duration.ts';
import { instant, span, timeText } from '../../../src/cli/time-text.ts';
import { WrongUse } from '../../../src/cli/wrong-use.ts';

const now = Date.UTC(2026, 0, 31, 12);

describe('parseDuration', () => {
  it.each([
    ['0', 0],
    ['90s', 90_000],
    ['15m', 900_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
  ])('reads %s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it('refuses everything else', () => {
    const others = fc.string().filter((text) => text !== '0' && !/^[0-9]{1,9}[smhd]$/.test(text));
    fc.assert(fc.property(others, (text) => parseDuration(text) === undefined));
    expect(() => durationOf('--wait', '5')).toThrow('--wait needs a duration');
  });
});

describe('momentOf', () => {
  it('refuses words, impossible dates and instants without a zone', () => {
    for (const text of ['yesterday', '2026-02-31T99:00:00Z', '2026-01-31T10:00', '1767225600']) {
      expect(() => momentOf('--since', text, now)).toThrow(WrongUse);
    }
  });

  it('reads how long ago, a date and an instant', () => {
    expect(momentOf('--since', '2h', now)).toBe(now - 7_200_000);
    expect(momentOf('--since', '2026-01-31', now)).toBe(Date.UTC(2026, 0, 31));
    expect(momentOf('--since', '2026-01-31T11:00:00+02:00', now)).toBe(Date.UTC(2026, 0, 31, 9));
  });
});

describe('timeText', () => {
  it('is relative on a terminal and exact elsewhere', () => {
    const relative = timeText({ isTerminal: true, now });
    expect([relative(now + 300_000), relative(now - 7_500_000), relative(now + 10), relative(0)]).toEqual([
      'in 5m',
      '2h5m ago',
      'now',
      '-',
    ]);
    expect(timeText({ isTerminal: false, now })(now)).toBe('2026-01-31T12:00:00.000Z');
  });

  it('survives any number that a broker may send', () => {
    fc.assert(
      fc.property(fc.double(), (at) => {
        expect(typeof timeText({ isTerminal: true, now })(at)).toBe('string');
        expect(instant(at) === null || !Number.isNaN(Date.parse(instant(at) ?? ''))).toBe(true);
      }),
    );
  });

  it('names the two largest units', () => {
    expect([span(0), span(59_499), span(60_000), span(3_661_000), span(90_000_000)]).toEqual([
      '0s',
      '59s',
      '1m',
      '1h1m',
      '1d1h',
    ]);
  });
});
