import * as z from 'zod';
import { filePath, whole } from './config-values.ts';

/** Heads of the audit chain that the broker signs. */
export interface AuditSigningConfig {
  /** PEM of an Ed25519 private key. */
  readonly keyFile: string;
  /** While keys change: the one before signs as well. */
  readonly previousKeyFile?: string;
  /** A head after so many records or so much time, whichever comes first. */
  readonly everyRecords: number;
  readonly everyMinutes: number;
  /** Where the heads are put besides the chain, to be shipped away. */
  readonly headsFile?: string;
}

export interface AuditConfig {
  readonly file: string;
  /** Key for the hashes of accessors and lease ids. */
  readonly hmacKeyFile: string;
  /** Longest wait for a record to be durable; after it nothing is issued. */
  readonly maxWaitMs: number;
  /** Without it the chain has no signed heads. */
  readonly signing?: AuditSigningConfig;
}

/** The audit keys of broker.yaml. */
export const auditSchema = (folder: string) =>
  z.strictObject({
    file: filePath(folder),
    hmacKeyFile: filePath(folder),
    maxWaitMs: whole(100, 60_000).default(1_000),
    signing: z
      .strictObject({
        keyFile: filePath(folder),
        previousKeyFile: filePath(folder).exactOptional(),
        // The end of a log is read at the start, as far as this many usual records.
        everyRecords: whole(1, 100_000).default(1_000),
        everyMinutes: whole(1, 1_440).default(10),
        headsFile: filePath(folder).exactOptional(),
      })
      .exactOptional(),
  });
