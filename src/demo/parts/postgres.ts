import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chown, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { freePort } from './free-port.ts';
import { createTempFolder } from './temp-folder.ts';
import type { OwnedProcess } from './owned-process.ts';
import { startProcess } from './owned-process.ts';
import { findPostgres, postgresUser } from './postgres-programs.ts';
import { waitUntilReady } from './wait-until-ready.ts';

/** How to reach such a database; the user is its superuser. */
export interface PostgresConnection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** A PostgreSQL of one test or demo, on loopback TCP alone, where every connection needs its password. */
export interface OwnPostgres extends AsyncDisposable {
  readonly connection: PostgresConnection;
  readonly process: OwnedProcess;
  /** Runs one statement as the superuser; values go in as $1, $2. */
  query(sql: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]>;
  /** Whether a role of that name exists now. */
  roleExists(role: string): Promise<boolean>;
  /** Whether that user and password open a connection now; any reason but a refused login is thrown. */
  canLogin(user: string, password: string): Promise<boolean>;
  stop(): Promise<void>;
  /** Ends the server, then what happens meanwhile, then a new one on the same data and port. */
  restart(meanwhile?: () => Promise<void>): Promise<void>;
}

const CONNECT_DEADLINE_MS = 10_000;
const INITDB_DEADLINE_MS = 60_000;
/** SQLSTATE class 28: the server refused this user or password. */
const LOGIN_REFUSED = /^28/;

const runInitdb = promisify(execFile);

const withClient = async <T>(
  connection: PostgresConnection,
  use: (client: Client) => Promise<T>,
): Promise<T> => {
  const client = new Client({
    ...connection,
    connectionTimeoutMillis: CONNECT_DEADLINE_MS,
    query_timeout: CONNECT_DEADLINE_MS,
  });
  // A server that is stopped under an open connection must not end the test process.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
};

const wasRefused = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && LOGIN_REFUSED.test(String(error.code));

/** Makes a new database cluster in a folder of its own and runs it, as `nobody` where the test is root. */
export const startPostgres = async (): Promise<OwnPostgres> => {
  const programs = findPostgres();
  if ('missing' in programs) throw new Error(programs.missing);
  const runAs = postgresUser();
  const owner = runAs === undefined ? {} : { owner: runAs };
  const folder = await createTempFolder({ name: 'postgres', ...owner });
  const port = await freePort();
  const connection = {
    host: '127.0.0.1',
    port,
    user: 'operator',
    password: randomUUID(),
    database: 'postgres',
  };
  const passwordFile = join(folder.path, 'password');
  const data = join(folder.path, 'data');
  let owned: OwnedProcess | undefined;
  const stop = async () => {
    await owned?.stop();
    await folder.remove();
  };
  const start = async (): Promise<OwnedProcess> => {
    const started = await startProcess({
      name: 'postgres',
      command: programs.postgres,
      args: ['-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1'].concat([
        '-c',
        'unix_socket_directories=',
        '-c',
        'fsync=off',
        '-c',
        'max_connections=200',
      ]),
      cwd: folder.path,
      logFile: join(folder.path, 'postgres.log'),
      // SIGINT is its fast shutdown; SIGTERM would wait for every client to leave.
      stopSignal: 'SIGINT',
      // One that is killed leaves processes, which keep the next one on the same data from starting.
      stopGraceMs: 30_000,
      ...(runAs === undefined ? {} : { runAs }),
    });
    try {
      await waitUntilReady({
        process: started,
        ready: () =>
          withClient(connection, async (client) => (await client.query('SELECT 1')).rowCount === 1),
      });
    } catch (error) {
      await started.stop();
      throw error;
    }
    return started;
  };
  try {
    await writeFile(passwordFile, connection.password, { mode: 0o600 });
    if (runAs !== undefined) await chown(passwordFile, runAs.uid, runAs.gid);
    await runInitdb(
      programs.initdb,
      // scram for every kind of connection: with `trust` any password would "log in" and tests would prove nothing.
      [
        '--pgdata',
        data,
        '--username',
        connection.user,
        '--pwfile',
        passwordFile,
        '--auth=scram-sha-256',
      ].concat(['--encoding=UTF8', '--locale=C', '--no-sync', '--no-instructions']),
      { ...(runAs ?? {}), cwd: folder.path, timeout: INITDB_DEADLINE_MS },
    );
    owned = await start();
  } catch (error) {
    await stop();
    throw error;
  }

  let server = owned;
  const query: OwnPostgres['query'] = (sql, values = []) =>
    withClient(connection, async (client) => {
      const result = await client.query<Record<string, unknown>>(sql, [...values]);
      return result.rows;
    });
  return {
    connection,
    get process() {
      return server;
    },
    query,
    roleExists: async (role) =>
      (await query('SELECT 1 FROM pg_roles WHERE rolname = $1', [role])).length === 1,
    canLogin: async (user, password) => {
      try {
        return await withClient({ ...connection, user, password }, async () => true);
      } catch (error) {
        if (wasRefused(error)) return false;
        throw error;
      }
    },
    stop,
    restart: async (meanwhile) => {
      await server.stop();
      await meanwhile?.();
      server = await start();
      owned = server;
    },
    [Symbol.asyncDispose]: stop,
  };
};
