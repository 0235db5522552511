/** What the processes of the benchmarks of batch runs say to each other. */

/** Of what a Vault issues before the broker has it on record. */
export const probationSeconds = 60;

/** From the broker, or the bare server, once it listens. */
export interface RunServerReady {
  readonly address: string;
  readonly ca: string;
  /** The broker's: where its files are, the signer's keys among them. */
  readonly folder: string;
  readonly signer: KeyPair;
  /** One for each node. */
  readonly nodes: readonly KeyPair[];
}

export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** To the broker: how much is there now. */
export interface RunServerSizes {
  readonly anonymousKb: number;
  readonly sessions: number;
  /** Lease sets that were ever made, by the audit log. */
  readonly issued: number;
}

/** To the agents, first. */
export interface AgentsRequest {
  readonly address: string;
  readonly ca: string;
  readonly nodes: readonly KeyPair[];
  /** What each of them redeems. */
  readonly reference: string;
}

export interface AgentsReply {
  /** From the common start to each agent's first generation. */
  readonly redeemedMs: readonly number[];
  readonly refused: number;
}
