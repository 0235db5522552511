import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeVaultPath, parseVaultAddress } from '../../../../src/backend/vault/vault-address.ts';

describe('parseVaultAddress', () => {
  it.each([
    'vault.example:8200',
    'http://vault.example:8200',
    'http://127.0.0.1.example:8200',
    'http://10.0.0.1:8200',
    'ftp://vault.example',
    'https://user:password@vault.example',
    'https://vault.example/v1',
    'https://vault.example/?namespace=x',
    'https://vault.example/#x',
    '',
  ])('refuses %j without quoting it', (address) => {
    expect(() => parseVaultAddress(address)).toThrow(
      expect.objectContaining({
        code: 'config_invalid',
        detail: expect.not.stringContaining('password') as string,
      }),
    );
  });

  it.each([
    'https://vault.example:8200',
    'https://[fd00::1]:8200/',
    'http://127.0.0.1:8200',
    'http://[::1]:1',
    'http://localhost',
  ])('accepts %j', (address) => {
    expect(parseVaultAddress(address).origin).toBe(address.replace(/\/$/, ''));
  });
});

describe('encodeVaultPath', () => {
  it.each(['', '/', 'a//b', '/a', 'a/', '../sys/seal', 'a/./b', 'a/../../sys'])('refuses %j', (path) => {
    expect(() => encodeVaultPath(path)).toThrow(expect.objectContaining({ code: 'request_invalid' }));
  });

  it('gives a path that a URL parser leaves alone and that decodes to what went in', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc
            .string({ minLength: 1, unit: 'grapheme' })
            .filter((s) => !s.includes('/') && !/^\.{1,2}$/.test(s)),
          { minLength: 1 },
        ),
        (segments) => {
          const encoded = encodeVaultPath(segments.join('/'));
          const url = new URL(`https://vault.example/v1/${encoded}`);
          expect(url.pathname).toBe(`/v1/${encoded}`);
          expect(url.search + url.hash).toBe('');
          expect(encoded.split('/').map(decodeURIComponent)).toEqual(segments);
        },
      ),
    );
  });
});
