import { createPrivateKey, X509Certificate } from 'node:crypto';
import { LeaseholdError } from './error.ts';
import { readSmallFile } from './small-file.ts';

/** One consistent set: the key belongs to the certificate, and everything parses. PEM. */
export interface CertificateSet {
  readonly certificate: Buffer;
  readonly key: Buffer;
  readonly clientCa: Buffer | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly expiresAt: number;
  /** Differs when any of the files does. */
  readonly fingerprint: string;
}

const maxBytes = 256 * 1024;

/**
 * Reads the files and checks that they belong together, so that files caught half-written are noticed here and not by whoever
 * connects next. Throws `config_invalid` naming the rule.
 */
export async function readCertificateSet(files: {
  readonly certificate: string;
  readonly key: string;
  readonly clientCa?: string;
}): Promise<CertificateSet> {
  const [certificate, key, clientCa] = await Promise.all([
    readSmallFile(files.certificate, { maxBytes }),
    readSmallFile(files.key, { maxBytes }),
    files.clientCa === undefined ? undefined : readSmallFile(files.clientCa, { maxBytes }),
  ]);
  let parsed: X509Certificate;
  try {
    parsed = new X509Certificate(certificate);
    if (!parsed.checkPrivateKey(createPrivateKey(key))) throw new TypeError('mismatch');
    if (clientCa !== undefined) new X509Certificate(clientCa);
  } catch (cause) {
    throw new LeaseholdError('config_invalid', {
      detail: 'certificate, key and client CA are not one usable set',
      cause,
    });
  }
  return {
    certificate,
    key,
    clientCa,
    expiresAt: Date.parse(parsed.validTo),
    fingerprint: [certificate, key, clientCa ?? Buffer.alloc(0)]
      .map((bytes) => bytes.toString('base64'))
      .join('.'),
  };
}
