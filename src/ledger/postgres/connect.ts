import { Socket } from 'node:net';
import { checkServerIdentity, type ConnectionOptions } from 'node:tls';
import { Client, type ClientConfig } from 'pg';
import { LeaseholdError } from '../../platform/error.ts';
import { Secret } from '../../platform/secret.ts';
import { readSmallFile } from '../../platform/small-file.ts';
import type { PostgresConfig } from './postgres-config.ts';
import { wrapPostgresError } from './postgres-error.ts';
import { typeParsers } from './statements.ts';

const maxCaBytes = 1_048_576;
const maxPasswordBytes = 4_096;
/** The server gives up first, with a reason; this is for a server or network that says nothing any more. */
const silenceMs = 5_000;

/** What every connection is made with. Reads the authorities; throws `config_invalid`. */
export async function clientConfig(config: PostgresConfig): Promise<ClientConfig> {
  const { host, port, database, user, pool } = config;
  return {
    host,
    port,
    database,
    user,
    password: () => readPassword(config.passwordFile),
    ssl: await tlsOptions(config),
    // SCRAM is bound to the TLS connection, so that nobody in between can pass the log-in on.
    enableChannelBinding: config.tls.mode === 'verify-full',
    application_name: 'leasehold',
    client_encoding: 'UTF8',
    connectionTimeoutMillis: pool.connectTimeoutMs,
    query_timeout: pool.statementTimeoutMs + silenceMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    pipeline: true,
    types: typeParsers,
  };
}

async function tlsOptions({ host, tls }: PostgresConfig): Promise<ConnectionOptions | false> {
  if (tls.mode === 'disable') return false;
  const name = tls.servername ?? host;
  return {
    ...(tls.ca === undefined ? {} : { ca: await readSmallFile(tls.ca, { maxBytes: maxCaBytes }) }),
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    // The driver overwrites `servername`, so the name is checked here.
    checkServerIdentity: (_, certificate) => checkServerIdentity(name, certificate),
  };
}

/** The driver wants text. An empty password is one that the server refuses, should it ask for one. */
async function readPassword(file: string | undefined): Promise<string> {
  if (file === undefined) return '';
  const secret = Secret.ofBytes(await readSmallFile(file, { maxBytes: maxPasswordBytes }));
  try {
    return Buffer.from(secret.open())
      .toString('utf8')
      .replace(/\r?\n$/, '');
  } finally {
    secret.wipe();
  }
}

/**
 * One connection outside of the pool, for opening and migrating, closed when it is disposed of. An abort of the signal cuts it. Throws
 * what `wrapPostgresError` makes of it.
 */
export async function connectOnce(
  config: ClientConfig,
  signal: AbortSignal,
): Promise<{ readonly client: Client } & AsyncDisposable> {
  const isAborted = () => signal.aborted;
  if (isAborted()) throw new LeaseholdError('cancelled');
  const socket = new Socket();
  const client = new Client({ ...config, pipeline: false, stream: () => socket });
  // The statement under way is told; without a listener the process would end.
  client.on('error', () => undefined);
  const cut = () => {
    socket.destroy();
  };
  signal.addEventListener('abort', cut, { once: true });
  try {
    await client.connect();
  } catch (error) {
    signal.removeEventListener('abort', cut);
    if (isAborted()) throw new LeaseholdError('cancelled', { cause: error });
    throw wrapPostgresError(error, 'connect');
  }
  return {
    client,
    [Symbol.asyncDispose]: async () => {
      signal.removeEventListener('abort', cut);
      await client.end().catch(() => undefined);
    },
  };
}
