/** Tests use the PostgreSQL that the demo starts. */
export { startPostgres } from '../../../src/demo/parts/postgres.ts';
export type { OwnPostgres as TestPostgres, PostgresConnection } from '../../../src/demo/parts/postgres.ts';
