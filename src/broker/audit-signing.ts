import { createHeadsFile } from '../audit/heads-file.ts';
import type { AuditSigning } from '../audit/audit-writer.ts';
import { createHeadSigner, parseSigningKey } from '../audit/signing-keys.ts';
import { LeaseholdError } from '../platform/error.ts';
import type { Log } from '../platform/log.ts';
import { readSmallFile } from '../platform/small-file.ts';
import type { AuditSigningConfig } from './config-audit.ts';

/** Signs heads of the audit chain; closes when the last one is in its file. Throws `config_invalid` for a file without a fitting key. */
export async function createAuditSigning(options: {
  readonly config: AuditSigningConfig;
  readonly log: Log;
  readonly onLostHead: () => void;
}): Promise<AuditSigning & AsyncDisposable> {
  const { keyFile, previousKeyFile, everyRecords, everyMinutes, headsFile } = options.config;
  const keys = [await readKey('keyFile', keyFile)];
  if (previousKeyFile !== undefined) keys.push(await readKey('previousKeyFile', previousKeyFile));
  const file =
    headsFile === undefined
      ? undefined
      : createHeadsFile({ path: headsFile, log: options.log, onFailure: options.onLostHead });
  return {
    signer: createHeadSigner(keys),
    pace: { everyRecords, everyMs: everyMinutes * 60_000 },
    onHead: (head) => file?.add(head),
    [Symbol.asyncDispose]: async () => file?.close(),
  };
}

async function readKey(name: 'keyFile' | 'previousKeyFile', file: string) {
  const pem = await readSmallFile(file, { maxBytes: 16_384 });
  try {
    return parseSigningKey(pem);
  } catch (cause) {
    throw new LeaseholdError('config_invalid', {
      detail: `audit.signing.${name}: must hold an Ed25519 private key as PEM`,
      cause,
    });
  } finally {
    pem.fill(0);
  }
}
