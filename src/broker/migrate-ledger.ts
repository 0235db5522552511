import { type Migrated, migrateAsOwner } from '../ledger/postgres/migrate-as-owner.ts';
import { LeaseholdError } from '../platform/error.ts';
import { readBrokerConfig } from './config.ts';

/**
 * For `leasehold ledger migrate`: the PostgreSQL ledger of a broker.yaml. The other files that it names are not looked at. Throws
 * `config_invalid`, `ledger_unusable` or `ledger_unavailable`.
 */
export async function migrateLedger(options: {
  /** broker.yaml */
  readonly file: string;
  /** The role that owns the schema; the broker's own when undefined. */
  readonly owner: { readonly user: string; readonly passwordFile?: string } | undefined;
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
}): Promise<Migrated> {
  const outcome = await readBrokerConfig(options.file);
  if (!outcome.ok) throw new LeaseholdError('config_invalid', { detail: outcome.problems.join('\n') });
  const { ledger } = outcome.value;
  if (!('postgres' in ledger))
    throw new LeaseholdError('config_invalid', {
      detail: 'ledger.postgres: is not set; a broker migrates its SQLite file when it starts',
    });
  return migrateAsOwner({
    config: ledger.postgres,
    owner: options.owner,
    dryRun: options.dryRun,
    signal: options.signal,
  });
}
