import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
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
}

const nodeUri =
  /^spiffe:\/\/[a-z0-9._-]{1,255}\/slurm\/([A-Za-z0-9._-]{1,255})\/node\/([A-Za-z0-9._-]{1,255})$/;

/** Throws `config_invalid`, with the file and the rule. `last` is what came of it before: the same bytes are not checked once more. */
export async function readNodeCertificate(
  files: {
    readonly ca: string;
    readonly certificate: string;
    readonly key: string;
  },
  last?: NodeCertificate,
): Promise<NodeCertificate> {
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
  if (digest === last?.digest) return last;
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
  };
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
