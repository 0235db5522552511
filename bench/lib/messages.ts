/** What the processes of one benchmark say to each other. */

/** From a server, once it listens. */
export interface ServerReady {
  readonly address: string;
  readonly ca: string;
  /** One for each client. */
  readonly tokens: readonly string[];
}

/** To the process of the clients: come, or come again. */
export interface ClientsRequest {
  /** The first time. */
  readonly server?: ServerReady;
  /** How many may be on their way at a time. */
  readonly atOnce: number;
}

export interface ClientsReply {
  /** From the common start to each client's first generation. */
  readonly firstMs: readonly number[];
  readonly refused: number;
}
