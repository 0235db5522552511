import { readFile } from 'node:fs/promises';
import { writeFileAtomically } from '../platform/atomic-file.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { DatedMatchers } from '../platform/run-matchers.ts';
import { readSmallFile, systemCode } from '../platform/small-file.ts';
import {
  acceptMatchers,
  brokerNames,
  decodeSigned,
  encodeSigned,
  openMatchers,
} from '../rpc/client/signed-matchers.ts';
import type { GetRunMatchersResponse__Output as Answer } from '../rpc/gen/leasehold/v1/GetRunMatchersResponse.ts';
import type { SignerConfig } from './config.ts';

/** The broker's last word on which runs need secrets, kept with its signature and read as if anybody had put it there. */
export interface KeptMatchers {
  /** Undefined where no broker has said anything that counts. */
  current(): DatedMatchers | undefined;
  /** What a broker answers. One that does not verify is refused, and the log says so: those from before stay. Throws `internal` when they cannot be kept. */
  take(answer: Answer): Promise<void>;
}

export async function openKeptMatchers(options: {
  readonly path: string;
  readonly config: Pick<SignerConfig, 'cluster' | 'broker'>;
  readonly clock: Clock;
  readonly log: Log;
}): Promise<KeptMatchers> {
  const { path, config, clock, log } = options;
  const { addresses, ca, serverName } = config.broker;

  const trust = async () => ({
    cluster: config.cluster,
    ca: await readSmallFile(ca, { maxBytes: 1_048_576 }),
    names: brokerNames(addresses, serverName),
  });

  async function read(): Promise<DatedMatchers | undefined> {
    try {
      return openMatchers(decodeSigned(await readFile(path, 'utf8')), await trust());
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      log.error(
        "the matchers of runs that are kept here are not a broker's for this cluster, and no job is held by them until one answers: see broker.ca, or who writes there",
        { file: path },
        error,
      );
      return undefined;
    }
  }

  let current = await read();
  return {
    current: () => current,
    take: async ({ signed, matchers }) => {
      if (signed === null) {
        // An older broker's word, which nothing vouches for once the connection is gone: it is not kept.
        current = { issuedAt: clock.now(), matchers };
        return;
      }
      try {
        current = acceptMatchers(signed, { ...(await trust()), now: clock.now() });
      } catch (error) {
        log.error('the matchers of runs that a broker sent are refused, those from before stay', {}, error);
        return;
      }
      try {
        await writeFileAtomically({ path, data: encodeSigned(signed), mode: 0o600 });
      } catch (error) {
        // They are known until a restart; what is compared and released meanwhile must not wait for a disk.
        log.error('the matchers of runs could not be kept', {}, error);
      }
    },
  };
}
