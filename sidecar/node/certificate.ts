import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { open, readFile, stat } from 'node:fs/promises';
import { LeaseholdError } from '../../src/platform/error.ts';
import type { BrokerEndpoint } from '../../src/rpc/client/endpoint.ts';
import { readCa } from '../proof.ts';

/** The files that a node proves itself with, as they are now. */
export interface NodeCertificate {
  readonly endpoint: Required<Pick<BrokerEndpoint, 'ca' | 'clientCertificate'>>;
  /** Tells whether the files have others than at the last reading. */
  readonly digest: string;
  /** Milliseconds since the Unix epoch, as the next. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly cluster: string;
  readonly node: string;
  /** How the files looked before they were read; undefined where a change soon after that might not show. */
  readonly looks: string | undefined;
}

interface Files {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

const nodeUri =
  /^spiffe:\/\/[a-z0-9._-]{1,255}\/slurm\/([A-Za-z0-9._-]{1,255})\/node\/([A-Za-z0-9._-]{1,255})$/;

/**
 * Throws `config_invalid`, with the file and the rule. `last` is what came of it before: files that nobody has touched since are not read again, and
 * the same bytes are not checked once more.
 */
export async function readNodeCertificate(files: Files, last?: NodeCertificate): Promise<NodeCertificate> {
  const looks = await looksOf(files);
  if (looks !== undefined && looks === last?.looks) return last;
  const [ca, certificate, key] = await Promise.all([
    readCa(files.ca),
    readFile(files.certificate).catch(() => {
      throw invalid('the certificate file cannot be read');
    }),
    readKey(files.key),
  ]);
  const parts = createHash('sha256');
  for (const part of [ca, certificate, key]) parts.update(createHash('sha256').update(part).digest());
  const digest = parts.digest('hex');
  if (digest === last?.digest) return { ...last, looks };
  let parsed: X509Certificate;
  try {
    parsed = new X509Certificate(certificate);
    if (!parsed.checkPrivateKey(createPrivateKey(key)))
      throw invalid('the key is not that of the certificate');
  } catch (error) {
    // The original message may quote parts of the key file.
    throw error instanceof LeaseholdError ? error : invalid('certificate or key is not usable PEM');
  }
  const [, cluster, node] = nodeUri.exec(theUri(parsed)) ?? [];
  if (cluster === undefined || node === undefined) {
    throw invalid('the certificate names no node: spiffe://<trust domain>/slurm/<cluster>/node/<NodeName>');
  }
  return {
    endpoint: { ca, clientCertificate: { certificate, key } },
    digest,
    issuedAt: Date.parse(parsed.validFrom),
    expiresAt: Date.parse(parsed.validTo),
    cluster,
    node,
    looks,
  };
}

/** Time stamps of files have steps of some milliseconds: what was written just now may be written again without a sign of it. */
const settledMs = 2_000;

/** With modes, for a key that is opened to others is refused. Undefined for files that are not there, too: reading them says what is wrong. */
async function looksOf(files: Files): Promise<string | undefined> {
  const found = await Promise.all(
    [files.ca, files.certificate, files.key].map((file) =>
      stat(file, { bigint: true }).catch(() => undefined),
    ),
  );
  const looks: string[] = [];
  for (const one of found) {
    if (one === undefined || Number(one.ctimeMs) > Date.now() - settledMs) return undefined;
    looks.push([one.dev, one.ino, one.size, one.mode, one.mtimeNs, one.ctimeNs].join(' '));
  }
  return looks.join('\n');
}

/** The one URI of the subject alternative names; with two, who this is would depend on who reads. */
function theUri(certificate: X509Certificate): string {
  const uris = (certificate.subjectAltName ?? '').split(', ').filter((name) => name.startsWith('URI:'));
  return uris.length === 1 ? (uris[0] ?? '').slice('URI:'.length) : '';
}

async function readKey(path: string): Promise<Buffer> {
  try {
    await using file = await open(path);
    if (((await file.stat()).mode & 0o077) !== 0) throw invalid('the key file is open to other users');
    return await file.readFile();
  } catch (error) {
    throw error instanceof LeaseholdError ? error : invalid('the key file cannot be read');
  }
}

function invalid(detail: string): LeaseholdError {
  return new LeaseholdError('config_invalid', { detail });
}
