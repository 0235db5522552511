import { z } from 'zod';
import type { Ledger } from '../ledger/ledger.ts';
import type { Log } from '../platform/log.ts';
import type { AuditHead } from './audit-tail.ts';

const key = 'audit_head';

const headSchema = z.strictObject({
  chain: z.string(),
  seq: z.int().min(1),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
});

/** The position of the audit chain that the ledger holds: whoever cuts the log must also be able to write the ledger. */
export async function readKeptHead(ledger: Ledger): Promise<AuditHead | undefined> {
  const kept = await ledger.readMeta(key);
  if (kept === undefined) return undefined;
  try {
    return headSchema.parse(JSON.parse(kept));
  } catch {
    // A fact that cannot be read proves nothing; the next head replaces it.
    return undefined;
  }
}

/** For `onHead`: a head that could not be kept is followed by another soon. */
export function keepHeadIn(ledger: Ledger, log: Log): (head: AuditHead) => void {
  return ({ chain, seq, hash }) => {
    ledger.writeMeta(key, JSON.stringify({ chain, seq, hash })).catch((error: unknown) => {
      log.warn('the head of the audit chain could not be kept', { seq }, error);
    });
  };
}
