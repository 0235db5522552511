import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { Clock } from './clock.ts';
import { LeaseholdError } from './error.ts';
import type { Log } from './log.ts';
import { createReloader, type FileContents, readStable } from './reload.ts';

/** PEM files of one TLS server. */
export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
  /** Authorities that client certificates must come from. */
  readonly clientCa?: string;
}

/** One consistent set: the key belongs to the certificate, and everything parses. PEM. */
export interface CertificateSet {
  readonly certificate: Buffer;
  readonly key: Buffer;
  readonly clientCa: Buffer | undefined;
  /** The certificates of `certificate`, the server's own first. DER. */
  readonly chain: readonly Buffer[];
  /** Of the server's own certificate, milliseconds since the Unix epoch. */
  readonly expiresAt: number;
}

/** Certificates that follow their files. */
export interface CertificateWatch extends AsyncDisposable {
  /** The last usable set. */
  current(): CertificateSet;
  /** Looks at the files now. */
  check(): Promise<void>;
}

export interface CertificateWatchOptions {
  readonly files: CertificateFiles;
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly log: Log;
  /** A new usable set; the one before is given along. Throws when it cannot be put to use: then the one before stays. */
  readonly onChange: (next: CertificateSet, before: CertificateSet) => void;
  /** Every change of the files, by what came of it. */
  readonly onResult: (result: 'ok' | 'refused') => void;
}

const maxBytes = 256 * 1024;
const pemBlock = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/**
 * Reads the set and follows its files. Files caught half-written, or a certificate of one version with the key of another, are noticed
 * here and not by whoever connects next: the last usable set stays in use. Throws `config_invalid` when the first set is not usable.
 */
export async function watchCertificates(options: CertificateWatchOptions): Promise<CertificateWatch> {
  const { files, clock, log } = options;
  const names = [files.certificate, files.key, ...(files.clientCa === undefined ? [] : [files.clientCa])];
  const stop = new AbortController();
  const reading = { files: names, clock, signal: stop.signal, maxBytes };
  const initial = await readStable(reading);
  let current = parseCertificateSet(initial);
  warnWhenOver(current, clock, log);
  const refuse = (error: LeaseholdError) => {
    options.onResult('refused');
    log.error(
      'the certificate files are not a usable set, the one before stays in use',
      { files: names },
      error,
    );
  };
  const reloader = createReloader({
    ...reading,
    log,
    intervalMs: options.intervalMs,
    initial,
    onChange: (contents) => {
      try {
        const next = parseCertificateSet(contents);
        options.onChange(next, current);
        current = next;
        options.onResult('ok');
        log.info('certificate exchanged', { expiresAt: new Date(next.expiresAt).toISOString() });
        warnWhenOver(next, clock, log);
      } catch (error) {
        refuse(LeaseholdError.from(error));
      }
    },
    onUnreadable: refuse,
  });
  return {
    current: () => current,
    check: () => reloader.check(),
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await reloader[Symbol.asyncDispose]();
    },
  };
}

/** Certificate (leaf first), key and, where there is one, client CA. Throws `config_invalid` naming the rule, never the content. */
export function parseCertificateSet([certificate, key, clientCa]: FileContents): CertificateSet {
  if (certificate === undefined || key === undefined) throw new LeaseholdError('config_invalid');
  const [leaf, ...others] = parseChain('certificate', certificate);
  if (clientCa !== undefined) parseChain('clientCa', clientCa);
  const belongs = attempt('key: is not a private key in PEM', () =>
    leaf.checkPrivateKey(createPrivateKey(key)),
  );
  if (!belongs)
    throw new LeaseholdError('config_invalid', { detail: 'key: does not belong to the certificate' });
  // What OpenSSL itself thinks of it (key sizes, curves) would otherwise be learnt from the first failed handshake.
  attempt('certificate: cannot be used by a TLS server', () =>
    createSecureContext({ cert: certificate, key, ...(clientCa === undefined ? {} : { ca: clientCa }) }),
  );
  const chain = [leaf, ...others].map(({ raw }) => raw);
  return { certificate, key, clientCa, chain, expiresAt: Date.parse(leaf.validTo) };
}

/** The certificates of the file; never none. */
function parseChain(name: string, pem: Buffer): readonly [X509Certificate, ...X509Certificate[]] {
  const [first, ...rest] = attempt(`${name}: holds something that is not a certificate in PEM`, () =>
    (pem.toString('latin1').match(pemBlock) ?? []).map((block) => new X509Certificate(block)),
  );
  // A file cut in the middle of a chain still starts with a whole certificate.
  const begun = pem.toString('latin1').split('-----BEGIN ').length - 1;
  if (first === undefined || begun !== 1 + rest.length)
    throw new LeaseholdError('config_invalid', {
      detail: `${name}: holds no whole chain of certificates in PEM`,
    });
  return [first, ...rest];
}

function attempt<T>(detail: string, task: () => T): T {
  try {
    return task();
  } catch (cause) {
    throw new LeaseholdError('config_invalid', { detail, cause });
  }
}

/** Serving goes on: a broker that stops would stop revoking too. */
function warnWhenOver(set: CertificateSet, clock: Clock, log: Log): void {
  if (set.expiresAt <= clock.now())
    log.error('the certificate has expired', { expiredAt: new Date(set.expiresAt).toISOString() });
}
