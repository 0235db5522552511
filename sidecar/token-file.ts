import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { LeaseholdError } from '../src/platform/error.ts';
import { Secret } from '../src/platform/secret.ts';

const maxTokenBytes = 16_384;

export interface ReadToken {
  readonly token: Secret;
  /** Tells whether the file has another token than at the last reading, without keeping the token. */
  readonly digest: string;
}

/**
 * Reads the projected token afresh: the kubelet replaces it long before it expires, so a copy in memory would go stale.
 * `credential_missing` when there is none, `credential_malformed` when it is too large to be one.
 */
export async function readTokenFile(path: string): Promise<ReadToken> {
  const bytes = await readAtMost(path, maxTokenBytes + 1);
  if (bytes.byteLength > maxTokenBytes) {
    throw new LeaseholdError('credential_malformed', { detail: 'the token file is too large' });
  }
  const token = Buffer.from(bytes.toString('latin1').trim(), 'latin1');
  bytes.fill(0);
  if (token.byteLength === 0) {
    throw new LeaseholdError('credential_missing', { detail: 'the token file is empty' });
  }
  const digest = createHash('sha256').update(token).digest('hex');
  return { token: Secret.ofBytes(token), digest };
}

async function readAtMost(path: string, maxBytes: number): Promise<Buffer> {
  try {
    // O_NONBLOCK: a named pipe in the place of the file must not hold the process for ever.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const buffer = Buffer.alloc(maxBytes);
      let length = 0;
      while (length < maxBytes) {
        const { bytesRead } = await handle.read(buffer, length, maxBytes - length, null);
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      return buffer.subarray(0, length);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new LeaseholdError('credential_missing', { detail: 'the token file cannot be read', cause: error });
  }
}
