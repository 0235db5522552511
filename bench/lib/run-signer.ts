import { generateKeyPairSync } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectBroker, type BrokerClient } from '../../src/slurm/broker-client.ts';
import { parseSignerConfig, type SignerConfig } from '../../src/slurm/config.ts';
import { readSigningKeys, type SigningKeys } from '../../src/slurm/signing-keys.ts';
import { runClaims } from '../../test/support/run-claims.ts';
import { user } from './hook.ts';
import type { RunServerReady } from './run-messages.ts';

export interface BenchSigner {
  readonly config: SignerConfig;
  readonly keys: SigningKeys;
  readonly broker: BrokerClient;
}

/** What a signer of the broker's cluster starts with, in its folder. The broker learns its key. */
export async function prepareSigner({ address, ca, folder, signer }: RunServerReady): Promise<BenchSigner> {
  const write = async (name: string, text: string) => {
    const file = join(folder, name);
    await writeFile(file, text, { mode: 0o600 });
    return file;
  };
  const state = join(folder, 'signer-state');
  await mkdir(state, { mode: 0o700 });
  const { privateKey } = generateKeyPairSync('ed25519');
  const config = parseSignerConfig(
    JSON.stringify({
      cluster: 'hpc',
      audience: 'leasehold',
      broker: {
        addresses: [address],
        ca: await write('signer-ca.pem', ca),
        certificate: await write('signer.pem', signer.certificate),
        key: await write('signer-key.pem', signer.key),
        serverName: 'localhost',
      },
      keys: [await write('signing.pem', privateKey.export({ type: 'pkcs8', format: 'pem' }))],
      state,
      socket: { path: join(state, 'hook.sock') },
    }),
  );
  const keys = await readSigningKeys(config.keys);
  await write('signer.jwks', JSON.stringify({ keys: keys.published }));
  return { config, keys, broker: await connectBroker(config.broker, { timeoutMs: 60_000 }) };
}

/** Start of the run. */
export async function registerRun(
  { keys, broker }: BenchSigner,
  { jobId, nodes }: { readonly jobId: number; readonly nodes: readonly string[] },
): Promise<number> {
  const start = Math.floor(Date.now() / 1000);
  const assertion = await keys.sign({ ...runClaims({ jobId, start, nodes, iat: start }), ...user });
  const signal = AbortSignal.timeout(60_000);
  await broker.register({ assertion: Buffer.from(assertion), requestedBundles: [] }, signal);
  return start;
}
