import { readFile } from 'node:fs/promises';
import type { Clock } from '../src/platform/clock.ts';
import { LeaseholdError } from '../src/platform/error.ts';
import type { Log } from '../src/platform/log.ts';
import type { Secret } from '../src/platform/secret.ts';
import type { BrokerEndpoint } from '../src/rpc/client/endpoint.ts';
import { createCredentialKeeper, type CredentialKeeper } from './credential-keeper.ts';
import { readTokenFile } from './token-file.ts';

/** What a holder shows when it opens a stream, and how it shows something newer later on. */
export interface Proof {
  readonly credential: Secret;
  readonly endpoint: Pick<BrokerEndpoint, 'ca' | 'clientCertificate'>;
  /** Called once the stream stands; the stream's end closes the keeper. */
  keep(send: (credential: Secret) => void): CredentialKeeper;
}

/** Made afresh for each stream. Throws `config_invalid` or `credential_*`. */
export type Prove = () => Promise<Proof>;

/** A pod's proof: its projected token, to a broker that the CA vouches for. */
export function tokenProof(options: {
  readonly tokenFile: string;
  readonly caFile: string;
  readonly clock: Clock;
  readonly log: Log;
}): Prove {
  return async () => {
    const [{ token, digest }, ca] = await Promise.all([
      readTokenFile(options.tokenFile),
      readCa(options.caFile),
    ]);
    return {
      credential: token,
      endpoint: { ca },
      keep: (send) => createCredentialKeeper({ ...options, shown: digest, send }),
    };
  };
}

export async function readCa(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new LeaseholdError('config_invalid', { detail: 'the CA file cannot be read', cause: error });
  }
}
