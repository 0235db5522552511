import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import { defaultPool, type PostgresConfig } from '../../../src/ledger/postgres/postgres-config.ts';
import { openPostgresLedger } from '../../../src/ledger/postgres/postgres-ledger.ts';
import { type Clock, systemClock } from '../../../src/platform/clock.ts';
import { type Log, silentLog } from '../../../src/platform/log.ts';
import { randomId } from '../../../src/platform/random-id.ts';
import { startPostgres, type TestPostgres } from '../../support/parts/postgres.ts';
import { createTempFolder } from '../../support/temp-folder.ts';

/** A PostgreSQL of a suite's own, and ledgers in it: each in a schema of its own. */
export interface PostgresWorld extends AsyncDisposable {
  readonly server: TestPostgres;
  /** Of a schema that is not there yet. */
  config(overrides?: Partial<PostgresConfig>): PostgresConfig;
  open(config?: PostgresConfig, options?: { readonly log?: Log; readonly clock?: Clock }): Promise<Ledger>;
  /** Name of a new file with that password in it. */
  passwordFile(password: string): Promise<string>;
}

/** For tests of something else: a server that shares its machine may take seconds to fork. */
const patientPool: PostgresConfig['pool'] = {
  ...defaultPool,
  connectTimeoutMs: 60_000,
  waitMs: 120_000,
  statementTimeoutMs: 60_000,
  lockTimeoutMs: 60_000,
};

/** By this clock no time passes, however long the pauses are: a ledger that goes by it gives nothing up for its age. */
export const timelessClock: Clock = { ...systemClock, monotonic: () => 0 };

export async function startPostgresWorld(): Promise<PostgresWorld> {
  await using starting = new AsyncDisposableStack();
  const folder = await createTempFolder({ name: 'ledger-postgres' });
  starting.defer(() => folder.remove());
  const server = starting.use(await startPostgres());
  const write = async (password: string) => {
    const file = join(folder.path, randomId('password_'));
    await writeFile(file, password, { mode: 0o600 });
    return file;
  };
  const { host, port, user, password, database } = server.connection;
  const passwordFile = await write(password);
  const config: PostgresWorld['config'] = (overrides) => ({
    host,
    port,
    user,
    database,
    passwordFile,
    tls: { mode: 'disable' },
    schema: randomId('ledger_').toLowerCase(),
    pool: patientPool,
    ...overrides,
  });
  const owned = starting.move();
  return {
    server,
    config,
    open: (own = config(), { log = silentLog, clock = systemClock } = {}) =>
      openPostgresLedger({
        config: own,
        clock,
        log,
        random: Math.random,
        signal: AbortSignal.timeout(240_000),
      }),
    passwordFile: write,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
