export { findPostgres, postgresUser } from '../../../src/demo/parts/postgres-programs.ts';
export type { PostgresPrograms } from '../../../src/demo/parts/postgres-programs.ts';
