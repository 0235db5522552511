import * as z from 'zod';
import type { RotateLimits } from '../audit/audit-file.ts';
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

/** Where the records go. */
export type AuditSinkConfig =
  | { readonly kind: 'file'; readonly file: string; readonly rotate: RotateLimits }
  | { readonly kind: 'stdout' };

export interface AuditConfig {
  readonly sink: AuditSinkConfig;
  /** Key for the hashes of accessors and lease ids. */
  readonly hmacKeyFile: string;
  /** Longest wait for a record to be durable; after it nothing is issued. */
  readonly maxWaitMs: number;
  /** Without it the chain has no signed heads. */
  readonly signing?: AuditSigningConfig;
}

const megabyte = 1_048_576;
const hourMs = 3_600_000;

/** The audit keys of broker.yaml. */
export const auditSchema = (folder: string) =>
  z
    .strictObject({
      file: filePath(folder).exactOptional(),
      stdout: z.literal(true).exactOptional(),
      rotate: z
        .strictObject({
          maxMegabytes: whole(1, 65_536).default(128),
          maxHours: whole(1, 87_600).default(720),
        })
        .exactOptional(),
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
    })
    .transform(({ file, stdout, rotate, ...rest }, context): AuditConfig => {
      if ((file === undefined) === (stdout === undefined)) {
        context.addIssue('must have exactly one of file and stdout');
        return z.NEVER;
      }
      if (file === undefined) {
        if (rotate !== undefined)
          context.addIssue({ code: 'custom', path: ['rotate'], message: 'is for a file only' });
        return { sink: { kind: 'stdout' }, ...rest };
      }
      const { maxMegabytes, maxHours } = rotate ?? { maxMegabytes: 128, maxHours: 720 };
      const limits = { maxBytes: maxMegabytes * megabyte, maxAgeMs: maxHours * hourMs };
      return { sink: { kind: 'file', file, rotate: limits }, ...rest };
    });
