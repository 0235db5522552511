import fc from 'fast-check';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseCertificateSet, watchCertificates } from '../../../src/platform/certificate-files.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { createTestCa } from '../../support/certificates.ts';
import { createTempFolder } from '../../support/temp-folder.ts';

const ca = createTestCa();
const server = ca.issueServer();
const other = ca.issueServer();
const bytes = (...texts: readonly string[]) => texts.map((text) => Buffer.from(text));
const detailOf = (task: () => unknown): string | undefined => {
  try {
    task();
  } catch (error) {
    return error instanceof LeaseholdError ? error.detail : 'another error';
  }
  return 'no error';
};

describe('a certificate set', () => {
  it.each([
    [
      'an empty certificate',
      bytes('', server.key),
      'certificate: holds no whole chain of certificates in PEM',
    ],
    [
      'a certificate that is cut off',
      bytes(server.certificate.slice(0, 300), server.key),
      'certificate: holds no whole chain of certificates in PEM',
    ],
    [
      'a chain that is cut off after its first certificate',
      bytes(server.certificate + ca.certificate.slice(0, 300), server.key),
      'certificate: holds no whole chain of certificates in PEM',
    ],
    [
      'a certificate that is none',
      bytes(server.certificate.replace(/M[A-Z]/, '!!'), server.key),
      'certificate: holds something that is not a certificate in PEM',
    ],
    [
      'a key that is cut off',
      bytes(server.certificate, server.key.slice(0, 90)),
      'key: is not a private key in PEM',
    ],
    ['the key of another', bytes(server.certificate, other.key), 'key: does not belong to the certificate'],
    [
      'a client CA that is cut off',
      bytes(server.certificate, server.key, ca.certificate.slice(0, 200)),
      'clientCa: holds no whole chain of certificates in PEM',
    ],
  ])('is refused with %s', (_name, contents, detail) => {
    expect(detailOf(() => parseCertificateSet(contents))).toBe(detail);
  });

  it('is refused in our own words, whatever the files hold', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.constant(server.certificate)),
        fc.oneof(fc.string(), fc.constant(other.key)),
        (certificate, key) => {
          expect(detailOf(() => parseCertificateSet(bytes(certificate, key)))).toMatch(
            /^(certificate|key): /,
          );
        },
      ),
    );
  });

  it('has the expiry of the server’s own certificate', () => {
    const notAfter = new Date('2040-01-02T03:04:05Z');
    const short = ca.issueServer({ notAfter });
    const set = parseCertificateSet(bytes(short.certificate + ca.certificate, short.key, ca.certificate));
    expect(set.expiresAt).toBe(notAfter.getTime());
  });
});

describe('certificate files', () => {
  it('stop the start when they are not a set', async () => {
    await using folder = await createTempFolder();
    const files = { certificate: join(folder.path, 'tls.crt'), key: join(folder.path, 'tls.key') };
    await writeFile(files.certificate, server.certificate);
    await writeFile(files.key, other.key);
    await expect(
      watchCertificates({
        files,
        intervalMs: 60_000,
        clock: systemClock,
        log: silentLog,
        onChange: () => undefined,
        onResult: () => undefined,
      }),
    ).rejects.toMatchObject({ code: 'config_invalid' });
  });

  it('keep the last set while they are half-written, and when the new one cannot be put to use', async () => {
    await using folder = await createTempFolder();
    const files = { certificate: join(folder.path, 'tls.crt'), key: join(folder.path, 'tls.key') };
    await writeFile(files.certificate, server.certificate);
    await writeFile(files.key, server.key);
    const results: string[] = [];
    let usable = false;
    await using watch = await watchCertificates({
      files,
      intervalMs: 60_000,
      clock: systemClock,
      log: silentLog,
      onChange: () => {
        if (!usable) throw new Error('not now');
      },
      onResult: (result) => results.push(result),
    });
    await writeFile(files.certificate, other.certificate);
    await watch.check();
    await writeFile(files.key, other.key);
    await watch.check();
    expect(watch.current().key.toString()).toBe(server.key);
    usable = true;
    const third = ca.issueServer();
    await writeFile(files.certificate, third.certificate);
    await writeFile(files.key, third.key);
    await watch.check();
    expect(watch.current().key.toString()).toBe(third.key);
    expect(results).toEqual(['refused', 'refused', 'ok']);
  });
});
