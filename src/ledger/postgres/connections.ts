import { Client, type ClientBase, type ClientConfig, Pool } from 'pg';
import { hasCode, LeaseholdError } from '../../platform/error.ts';
import type { Log } from '../../platform/log.ts';
import type { PostgresConfig } from './postgres-config.ts';
import { configureSession, readSchemaVersion } from './session-settings.ts';

/** A connection that is somebody's until it is released. */
export interface Connection {
  readonly client: ClientBase;
  /** Of the server, when the connection was made. */
  readonly timeline: string;
  /** A broken one is closed and not used again. */
  release(broken: boolean): void;
}

export interface Connections extends AsyncDisposable {
  /** Throws as the driver does, also when none is free in time, or the LeaseholdError of `configureSession`. */
  acquire(): Promise<Connection>;
}

const idleMs = 60_000;
/** Passwords, the primary and the version of the schema may change; a connection that is made anew notices. */
const lifetimeSeconds = 1_800;

/** A bounded number of connections, made when they are needed. */
export function createConnections(options: {
  readonly config: PostgresConfig;
  readonly client: ClientConfig;
  readonly log: Log;
}): Connections {
  const { config, log } = options;
  const { size, waitMs, connectTimeoutMs } = config.pool;
  const pool = new Pool({
    ...options.client,
    max: size,
    idleTimeoutMillis: idleMs,
    maxLifetimeSeconds: lifetimeSeconds,
    connectionTimeoutMillis: waitMs,
    // The pool has one time for waiting and for connecting, and would hand it on to its clients.
    Client: class extends Client {
      constructor() {
        super({ ...options.client, connectionTimeoutMillis: connectTimeoutMs });
        // A connection that breaks tells the statement under way; the event alone, at a moment when nobody listens, would end the process.
        this.on('error', () => undefined);
      }
    },
  });
  pool.on('error', (error) => log.warn('an idle connection to the ledger broke', {}, error));
  const timelines = new WeakMap<ClientBase, string>();
  return {
    acquire: async () => {
      const client = await pool.connect().catch((error: unknown) => {
        throw hasCode(error, 'config_invalid') ? unusable(error) : error;
      });
      try {
        const timeline = timelines.get(client) ?? (await prepare(client, config));
        timelines.set(client, timeline);
        return { client, timeline, release: (broken) => client.release(broken) };
      } catch (error) {
        client.release(true);
        throw error;
      }
    },
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

/** The password file is gone, or open to everybody, since the broker started. */
function unusable(error: LeaseholdError): LeaseholdError {
  return new LeaseholdError('ledger_unusable', {
    ...(error.detail === undefined ? {} : { detail: error.detail }),
    cause: error,
  });
}

async function prepare(client: ClientBase, config: PostgresConfig): Promise<string> {
  const timeline = await configureSession(client, config);
  await readSchemaVersion(client, config.schema);
  return timeline;
}
