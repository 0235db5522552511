import { readSince } from '../audit/after-head.ts';
import type { Audit } from '../audit/audit.ts';
import type { AuditHead } from '../audit/audit-tail.ts';
import { type KeptHead, readHeadOfChain } from '../audit/kept-head.ts';
import { catchUp, countOf, describeLacking, lackingOf } from '../lease/restored/catch-up.ts';
import { toldSince } from '../lease/restored/told-since.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Log } from '../platform/log.ts';
import type { AuditSinkConfig } from './config-audit.ts';

/**
 * A ledger that was restored from a copy does not know what people have revoked and locked since; the broker's own records do. What it
 * lacks is found before the log is opened, and given back to it before anybody is served.
 */
export interface RestoredLedger {
  /** For `onHead`: as long as the ledger lacks something its head stays where it was, so that a start that fails is followed by one that does it. */
  readonly onHead: (head: AuditHead) => void;
  /** With the log open. `now` is the backend's clock. */
  settle(options: { readonly audit: Audit; readonly now: () => number }): Promise<void>;
}

const advice =
  'if the ledger was restored from a copy, lock and revoke again what was locked and revoked since, before workloads are let in';

/** Throws `audit_unavailable` where the log is known to say more than can be read: then it is a person's to decide. */
export async function findRestored(options: {
  readonly ledger: Ledger;
  readonly sink: AuditSinkConfig;
  /** Under the replica's name. */
  readonly head: KeptHead;
  readonly log: Log;
}): Promise<RestoredLedger> {
  const { ledger, sink, head, log } = options;
  const keptHead = head.found;
  const since =
    sink.kind === 'file' ? await readSince(sink.file, (chain) => readHeadOfChain(ledger, chain)) : undefined;
  if (since === undefined && keptHead !== undefined)
    log.warn('the audit log on standard output cannot be read back', { advice });
  const found = since === undefined || since.kind === 'empty' ? undefined : since.chain;
  // Also where another chain goes on: what came after the kept head of the one before is not to be read here.
  if (since !== undefined && keptHead !== undefined && found !== keptHead.chain)
    log.error('the audit log that this ledger knows is not there', {
      chain: keptHead.chain,
      seq: keptHead.seq,
      advice,
    });
  const lacking =
    since?.kind === 'ahead' ? await lackingOf(ledger, await toldSince(since.records())) : undefined;

  let held: AuditHead | undefined;
  let isSettled = false;
  return {
    onHead: (newest) => {
      if (isSettled) head.keep(newest);
      else held = newest;
    },
    settle: async ({ audit, now }) => {
      if (since?.kind === 'ahead' && lacking !== undefined && countOf(lacking) > 0) {
        const what = describeLacking(lacking);
        const { chain, seq } = since;
        log.error('the ledger is older than the audit log, and is given back what it lacks', {
          chain,
          seq,
          what,
        });
        // Before it is done: the log says more than happened rather than less.
        await audit.record({
          action: 'restore_apply',
          outcome: 'ok',
          actor: 'broker',
          count: countOf(lacking),
          reason: `after record ${seq}: ${what}`,
        });
        await catchUp({ ledger, lacking, at: now(), log });
      }
      isSettled = true;
      if (held !== undefined) head.keep(held);
    },
  };
}
