import { z } from 'zod';
import type { MetaLedger } from '../ledger/meta.ts';
import { createCoalesced } from '../platform/coalesced.ts';
import { parseJson } from '../platform/json-text.ts';
import type { Log } from '../platform/log.ts';
import type { AuditHead } from './audit-tail.ts';
import type { NameClaim } from './claim-name.ts';
import { createOwnRow } from './own-row.ts';

/** The position of a replica's audit chain that the ledger holds: whoever cuts the log must also be able to write the ledger. */
export interface KeptHead {
  /** Of an earlier life. */
  readonly found: AuditHead | undefined;
  /** For `onHead`. */
  keep(head: AuditHead): void;
}

const headPrefix = 'audit_head/';

const headSchema = z.strictObject({
  chain: z.string(),
  seq: z.int().min(1),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
});

/** The furthest position of that chain that the ledger holds, under whatever name: a broker that gets another one goes on with its log. */
export async function readHeadOfChain(
  ledger: Pick<MetaLedger, 'listMeta'>,
  chain: string,
): Promise<AuditHead | undefined> {
  const kept = (await ledger.listMeta(headPrefix)).map(({ value }) => parseHead(value));
  return kept.filter((head) => head?.chain === chain).toSorted((a, b) => (b?.seq ?? 0) - (a?.seq ?? 0))[0];
}

/**
 * Keeps the newest head, one write at a time. While one is under way others only replace what is written next, so that records in a storm do
 * not cost the ledger a commit for each; a head that could not be kept is followed by another soon.
 */
export async function openKeptHead(options: {
  readonly ledger: Pick<MetaLedger, 'readMeta' | 'replaceMeta'>;
  /** The chain goes on from life to life. */
  readonly replica: string;
  readonly claim: Pick<NameClaim, 'lost' | 'isHeld'>;
  readonly log: Log;
}): Promise<KeptHead> {
  const { ledger, log } = options;
  const key = `${headPrefix}${options.replica}`;
  const text = await ledger.readMeta(key);
  const row = createOwnRow({ ...options, key, found: text });
  let next: AuditHead | undefined;
  let seq = 0;
  const writing = createCoalesced(
    async () => {
      if (next === undefined) return;
      const { chain, hash } = next;
      ({ seq } = next);
      await row.write(JSON.stringify({ chain, seq, hash }));
    },
    { failed: (error) => log.warn('the head of the audit chain could not be kept', { seq }, error) },
  );
  return {
    found: parseHead(text),
    keep: (head) => {
      next = head;
      writing.ask();
    },
  };
}

function parseHead(kept: string | undefined): AuditHead | undefined {
  // A fact that cannot be read proves nothing; the next head replaces it.
  return kept === undefined ? undefined : headSchema.safeParse(parseJson(kept)).data;
}
