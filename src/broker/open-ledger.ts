import type { Ledger } from '../ledger/ledger.ts';
import { openPostgresLedger } from '../ledger/postgres/postgres-ledger.ts';
import { openSqliteLedger } from '../ledger/sqlite/sqlite-ledger.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { LedgerConfig } from './config-ledger.ts';

/** The store that the configuration names. */
export async function openLedger(
  config: LedgerConfig,
  parts: { readonly clock: Clock; readonly log: Log; readonly signal: AbortSignal },
): Promise<Ledger> {
  if ('sqlite' in config) return openSqliteLedger({ file: config.sqlite.file, log: parts.log });
  return openPostgresLedger({ config: config.postgres, ...parts, random: Math.random });
}
