import { randomUUID } from 'node:crypto';
import { startPostgres, type TestPostgres } from '../support/parts/postgres.ts';
import type { BrokerTuning } from './site-files.ts';

/** A PostgreSQL with an empty schema `leasehold`, for the brokers of a site to keep their ledger in. */
export interface SharedLedger {
  readonly database: TestPostgres;
  readonly tuning: Required<Pick<BrokerTuning, 'ledger'>>;
}

export async function startSharedLedger(): Promise<SharedLedger> {
  const password = randomUUID();
  const database = await startPostgres();
  await database.query(`CREATE ROLE broker LOGIN PASSWORD '${password}'`);
  await database.query('CREATE SCHEMA leasehold AUTHORIZATION broker');
  const { host, port } = database.connection;
  const postgres = { host, port, database: 'postgres', user: 'broker', tls: { mode: 'disable' } };
  return { database, tuning: { ledger: { postgres, password } } };
}
