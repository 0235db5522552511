/** Where a PostgreSQL ledger is and how long anything there may take. It holds no secret, only the name of a file. */
export interface PostgresConfig {
  /** Name or address, or the folder of a Unix socket (begins with a slash). */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** Read again for every connection, so that a password may be changed under a running broker. Undefined: the server asks for none. */
  readonly passwordFile?: string;
  readonly tls: PostgresTls;
  readonly schema: string;
  readonly pool: {
    /** Connections at the same time. */
    readonly size: number;
    /** For the TCP connection, TLS and log-in together. */
    readonly connectTimeoutMs: number;
    /** Longest wait for a connection that is free. */
    readonly waitMs: number;
    /** The server gives up a statement after this; so does the broker some time later, should the server be silent. */
    readonly statementTimeoutMs: number;
    /** Longest wait for a row that another broker is changing. */
    readonly lockTimeoutMs: number;
  };
}

export type PostgresTls =
  | { readonly mode: 'disable' }
  | {
      readonly mode: 'verify-full';
      /** PEM file of authorities to trust instead of the system's. */
      readonly ca?: string;
      /** The name that the certificate must have; `host` when left out. */
      readonly servername?: string;
    };

export const defaultPool: PostgresConfig['pool'] = {
  size: 10,
  connectTimeoutMs: 5_000,
  waitMs: 15_000,
  statementTimeoutMs: 10_000,
  lockTimeoutMs: 5_000,
};

export const defaultSchema = 'leasehold';
