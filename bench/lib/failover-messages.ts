import type { JWK } from 'jose';
import type { PostgresConfig } from '../../src/ledger/postgres/postgres-config.ts';

/** What the processes of the failover benchmark say to each other. */

/** To a broker, first. */
export interface BrokerRequest {
  readonly ledger: PostgresConfig;
  readonly folder: string;
  readonly certificate: string;
  readonly key: string;
  readonly ca: string;
  /** Of the cluster that all brokers know. */
  readonly privateKey: JWK;
  readonly publicKey: JWK;
  readonly pods: readonly string[];
}

/** From a broker: once it listens, and whenever it is asked. */
export interface BrokerReply {
  readonly address: string;
  /** Lease sets made, also those in place of others. */
  readonly issued: number;
  readonly resumed: number;
}

/** To the holders, first. */
export interface HoldersRequest {
  readonly addresses: readonly string[];
  readonly ca: string;
  readonly tokens: readonly string[];
  /** They begin with the first that many of the addresses, in turn. */
  readonly startAt: number;
}

/** From the holders: when all are held, and when those of a broker that went are held again. */
export interface HoldersReply {
  /** For each that is held again: instant, milliseconds since the Unix epoch. */
  readonly heldAgainAt: readonly number[];
  /** How many came back to another generation than they had. */
  readonly replaced: number;
}
