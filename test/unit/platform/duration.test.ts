import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { durationSchema, formatDuration, parseDuration } from '../../../src/platform/duration.ts';

describe('parseDuration', () => {
  it.each([
    '',
    '90',
    's',
    '1.5h',
    '-1s',
    '+1s',
    ' 1s',
    '1s ',
    '1s\n',
    '1h30m',
    '1S',
    '01s',
    '1e3s',
    '1w',
    '٣s',
    '9999999999s',
  ])('refuses %j', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  it.each([
    ['0s', 0],
    ['90s', 90],
    ['15m', 900],
    ['24h', 86_400],
    ['7d', 604_800],
  ])('reads %s', (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds);
  });

  it('reads back what formatDuration writes', () => {
    fc.assert(
      fc.property(fc.nat(999_999_999), (seconds) => {
        expect(parseDuration(formatDuration(seconds))).toBe(seconds);
      }),
    );
  });
});

describe('durationSchema', () => {
  const schema = durationSchema({ min: 60, max: 3600 });

  it('accepts its limits and names them for anything outside', () => {
    expect(schema.parse('1m')).toBe(60);
    expect(schema.parse('60m')).toBe(3600);
    for (const text of ['59s', '3601s', '2h'])
      expect(schema.safeParse(text).error?.issues[0]?.message).toBe('must be from 1m to 1h');
    expect(schema.safeParse('soon').error?.issues[0]?.message).toContain('for example 90s');
  });
});
