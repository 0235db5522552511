import { createHash, randomBytes } from 'node:crypto';
import { Secret } from '../../platform/secret.ts';
import { slurmName } from './slurm-name.ts';

/** Which node a token is for, and what the ledger knows it by. */
export interface EnrolmentClaim {
  readonly cluster: string;
  readonly node: string;
  /** SHA-256 of the whole text, hex. With 256 random bits in it, nothing slower is needed. */
  readonly hash: string;
}

const prefix = 'leasehold-enrol';
const secretBytes = 32;
const longest = 1_024;
const form = /^leasehold-enrol\/([^/]+)\/([^/]+)\/[A-Za-z0-9_-]{43}$/;

/** `leasehold-enrol/<cluster>/<node>/<256 random bits, base64url>`. It names its node, so that an image needs nothing else of the node's own. */
export function makeEnrolmentToken(of: {
  readonly cluster: string;
  readonly node: string;
}): EnrolmentClaim & { readonly token: Secret } {
  const text = `${prefix}/${of.cluster}/${of.node}/${randomBytes(secretBytes).toString('base64url')}`;
  return { ...of, hash: hashOf(Buffer.from(text)), token: Secret.ofText(text) };
}

/** Undefined for what is no token. */
export function parseEnrolmentToken(bytes: Uint8Array): EnrolmentClaim | undefined {
  if (bytes.byteLength > longest) return undefined;
  const [, cluster = '', node = ''] = form.exec(Buffer.from(bytes).toString('latin1')) ?? [];
  if (!slurmName.test(cluster) || !slurmName.test(node)) return undefined;
  return { cluster, node, hash: hashOf(bytes) };
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
