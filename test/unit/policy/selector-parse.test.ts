import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { parseSelector, requireSelector } from '../../../src/policy/selector-parse.ts';
import type { RawSelector } from '../../../src/policy/selector-parse.ts';

const detail = (raw: RawSelector): string => {
  try {
    parseSelector(raw);
  } catch (error) {
    if (error instanceof LeaseholdError && error.code === 'request_invalid') return error.detail ?? '';
    throw error;
  }
  return '';
};

describe('parseSelector', () => {
  it.each([
    [{ all: true, bundle: 'a' }, 'selector.all: must stand alone'],
    [{ namespace: '*' }, 'selector: matches everything'],
    [{ namespace: '**', pod: '*/*' }, 'selector: matches everything'],
    [{ session: 'a*' }, 'selector.session: must be 1 to 64'],
    [{ podUid: 'a/b' }, 'selector.podUid: must be 1 to 64'],
    [{ namespace: 'a\n' }, 'selector.namespace: must be 1 to 253'],
    [{ namespace: 'a b' }, 'selector.namespace: must be 1 to 253'],
    [{ node: 'a'.repeat(254) }, 'selector.node: must be 1 to 253'],
    [{ user: 'a:b' }, 'selector.user: must be 1 to 255'],
    [{ user: ' a' }, 'selector.user: must be 1 to 255'],
    [{ pod: 'a/b/c' }, 'selector.pod: must be a pod name'],
    [{ pod: 'a/' }, 'selector.pod: must be a pod name'],
    [{ imageDigest: 'sha256:*' }, 'selector.imageDigest: must be sha256:'],
    [{ imageDigest: `sha256:${'A'.repeat(64)}` }, 'selector.imageDigest: must be sha256:'],
  ] satisfies [RawSelector, string][])('refuses %j', (raw, expected) => {
    expect(detail(raw)).toContain(expected);
  });

  it('refuses fields of a later version instead of dropping them, which would widen the selector', () => {
    const raw: RawSelector = JSON.parse('{"bundle":"a","planet":"7"}') as RawSelector;
    expect(detail(raw)).toBe('selector: has a field that is not known');
  });

  it('keeps what was given and leaves out what was not', () => {
    expect(parseSelector({ pod: 'shop/app-*', session: '', all: false, node: 'n1.example' })).toEqual({
      pod: 'shop/app-*',
      node: 'n1.example',
    });
    expect(parseSelector({ namespace: '*', bundle: 'db' })).toEqual({ namespace: '*', bundle: 'db' });
    expect(parseSelector({ user: 'EXAMPLE\\ki m*' })).toEqual({ user: 'EXAMPLE\\ki m*' });
    expect(parseSelector({ all: true, session: '' })).toEqual({ all: true });
  });

  it('answers undefined when nothing was given, and requireSelector refuses it', () => {
    expect(parseSelector({ all: false, pod: '' })).toBeUndefined();
    expect(() => requireSelector({})).toThrow(
      expect.objectContaining({ code: 'request_invalid', detail: 'selector: must not be empty' }),
    );
    expect(requireSelector({ bundle: 'db' })).toEqual({ bundle: 'db' });
  });

  it('throws nothing but request_invalid and never quotes a value', () => {
    const raw = fc.dictionary(
      fc.oneof(
        fc.constantFrom('session', 'pod', 'namespace', 'imageDigest', 'all', '__proto__', 'toString'),
        fc.string(),
      ),
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.constantFrom('hunter2 ', '*', ''),
        fc.boolean(),
        fc.nat(),
        fc.constant(null),
      ),
    );
    fc.assert(
      fc.property(raw, (value) => {
        expect(detail(value as RawSelector)).not.toContain('hunter2');
      }),
      { numRuns: 400 },
    );
  });
});
