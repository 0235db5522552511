import type { PostgresConfig } from '../../../src/ledger/postgres/postgres-config.ts';
import { openPostgresLedger } from '../../../src/ledger/postgres/postgres-ledger.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { aPod, aSession, start } from '../../contract/ledger/ledger-world.ts';

/** What a process of its own got from a ledger that others use at the same time. */
export interface Got {
  readonly claimed: readonly string[];
  readonly created: readonly string[];
}

export interface Order {
  readonly config: PostgresConfig;
  readonly owner: string;
  readonly claimers: number;
  /** Workloads that every process opens a session for. */
  readonly workloads: number;
}

process.once('message', (order: Order) => {
  void carryOut(order).then((got) => {
    process.send?.(got, () => process.exit(0));
  });
});

async function carryOut({ config, owner, claimers, workloads }: Order): Promise<Got> {
  await using ledger = await openPostgresLedger({
    config,
    clock: systemClock,
    log: silentLog,
    random: Math.random,
    signal: AbortSignal.timeout(240_000),
  });
  // Nothing is left for one whose start takes longer than all the work.
  const all = new Promise((resolve) => process.once('message', resolve));
  process.send?.('ready');
  await all;
  const claimed: string[] = [];
  const claim = async () => {
    for (;;) {
      const items = await ledger.claimWork({ owner, now: start, claimUntil: start + 60_000, limit: 7 });
      if (items.length === 0) return;
      claimed.push(...items.map(({ subject }) => subject));
      await Promise.all(items.map((work) => ledger.finishWork({ work })));
    }
  };
  const created: string[] = [];
  const begin = async (index: number) => {
    const { outcome, session } = await ledger.beginSession(aSession({ identity: aPod(`uid-${index}`) }));
    if (outcome === 'created') created.push(session.workload);
  };
  await Promise.all([
    ...Array.from({ length: claimers }, claim),
    ...Array.from({ length: workloads }, (_, index) => begin(index)),
  ]);
  return { claimed, created };
}
