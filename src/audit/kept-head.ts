import { z } from 'zod';
import type { Ledger } from '../ledger/ledger.ts';
import type { Log } from '../platform/log.ts';
import type { AuditHead } from './audit-tail.ts';

/** Of a replica: its chain goes on from life to life. */
const keyOf = (replica: string) => `audit_head/${replica}`;

const headSchema = z.strictObject({
  chain: z.string(),
  seq: z.int().min(1),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
});

/** The position of the audit chain that the ledger holds: whoever cuts the log must also be able to write the ledger. */
export async function readKeptHead(ledger: Ledger, replica: string): Promise<AuditHead | undefined> {
  const kept = await ledger.readMeta(keyOf(replica));
  if (kept === undefined) return undefined;
  try {
    return headSchema.parse(JSON.parse(kept));
  } catch {
    // A fact that cannot be read proves nothing; the next head replaces it.
    return undefined;
  }
}

/**
 * For `onHead`: keeps the newest head, one write at a time. While one is under way others only replace what is written next, so that records
 * in a storm do not cost the ledger a commit for each; a head that could not be kept is followed by another soon.
 */
export function keepHeadIn(ledger: Ledger, replica: string, log: Log): (head: AuditHead) => void {
  let next: AuditHead | undefined;
  let writing = false;
  const write = async () => {
    writing = true;
    while (next !== undefined) {
      const { chain, seq, hash } = next;
      next = undefined;
      try {
        await ledger.writeMeta(keyOf(replica), JSON.stringify({ chain, seq, hash }));
      } catch (error) {
        log.warn('the head of the audit chain could not be kept', { seq }, error);
      }
    }
    writing = false;
  };
  return (head) => {
    next = head;
    if (!writing) void write();
  };
}
