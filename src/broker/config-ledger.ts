import { isIP } from 'node:net';
import * as z from 'zod';
import {
  defaultPool,
  defaultSchema,
  type PostgresConfig,
  type PostgresTls,
} from '../ledger/postgres/postgres-config.ts';
import { filePath, token, whole } from './config-values.ts';

export type LedgerConfig =
  { readonly sqlite: { readonly file: string } } | { readonly postgres: PostgresConfig };

/** Names as PostgreSQL writes them without quotes; no other could be told apart from a reserved word or a second schema. */
const schemaName = z.string().regex(/^(?!pg_)[a-z_][a-z0-9_]{0,62}$/, {
  error: 'must be 1 to 63 of a-z, 0-9 and _, must not begin with a digit or pg_',
});

const postgresTls = (folder: string) =>
  z
    .strictObject({
      mode: z.enum(['verify-full', 'disable']).default('verify-full'),
      ca: filePath(folder).exactOptional(),
      servername: token.exactOptional(),
    })
    .transform(({ mode, ...verified }, context): PostgresTls => {
      if (mode === 'verify-full') return { mode, ...verified };
      if (Object.keys(verified).length === 0) return { mode };
      context.addIssue('must have nothing beside mode: disable');
      return z.NEVER;
    });

const postgresSchema = (folder: string) =>
  z
    .strictObject({
      host: token,
      port: whole(1, 65_535).default(5_432),
      database: token,
      user: token,
      passwordFile: filePath(folder).exactOptional(),
      tls: postgresTls(folder).prefault({}),
      schema: schemaName.default(defaultSchema),
      pool: z
        .strictObject({
          size: whole(2, 1_000).default(defaultPool.size),
          connectTimeoutMs: whole(100, 60_000).default(defaultPool.connectTimeoutMs),
          waitMs: whole(100, 120_000).default(defaultPool.waitMs),
          statementTimeoutMs: whole(100, 120_000).default(defaultPool.statementTimeoutMs),
          lockTimeoutMs: whole(100, 120_000).default(defaultPool.lockTimeoutMs),
        })
        .prefault({}),
    })
    .superRefine(({ host, tls, pool }, context) => {
      const broken = brokenTlsRule(host, tls);
      if (broken !== undefined) context.addIssue({ code: 'custom', path: ['tls', 'mode'], message: broken });
      if (pool.lockTimeoutMs > pool.statementTimeoutMs)
        context.addIssue({
          code: 'custom',
          path: ['pool', 'lockTimeoutMs'],
          message: 'must be at most statementTimeoutMs',
        });
    });

/** Anything but a literal address of this machine may be somebody else by the time it is connected to. */
function brokenTlsRule(host: string, { mode }: PostgresTls): string | undefined {
  if (host.startsWith('/')) return mode === 'disable' ? undefined : 'must be disable for a Unix socket';
  const isLoopback = host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
  if (mode === 'verify-full' || isLoopback) return undefined;
  return 'must be verify-full (disable only for a loopback address or a Unix socket)';
}

/** `ledger` of broker.yaml. */
export const ledgerSchema = (folder: string) =>
  z
    .strictObject({
      sqlite: z.strictObject({ file: filePath(folder) }).exactOptional(),
      postgres: postgresSchema(folder).exactOptional(),
    })
    .transform(({ sqlite, postgres }, context): LedgerConfig => {
      if (sqlite !== undefined && postgres === undefined) return { sqlite };
      if (postgres !== undefined && sqlite === undefined) return { postgres };
      context.addIssue('must have exactly one of sqlite and postgres');
      return z.NEVER;
    });

/** For people. */
export function describeLedger(ledger: LedgerConfig): string {
  if ('sqlite' in ledger) return `ledger: SQLite in ${ledger.sqlite.file}`;
  const { host, port, database, schema, tls } = ledger.postgres;
  return `ledger: PostgreSQL at ${host} port ${port}, database ${database}, schema ${schema}, TLS ${tls.mode}`;
}
