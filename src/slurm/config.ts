import { isAbsolute } from 'node:path';
import * as z from 'zod';
import { durationSchema } from '../platform/duration.ts';
import { logLevels } from '../platform/log.ts';
import { readSmallFile } from '../platform/small-file.ts';
import { parseYamlDocument } from '../platform/yaml-document.ts';
import { LeaseholdError } from '../platform/error.ts';
import { parseHostPort } from '../rpc/client/host-port.ts';

const path = z
  .string()
  .refine((text) => isAbsolute(text) && !text.includes('\0'), 'must be an absolute path');
const name = z.string().regex(/^[A-Za-z0-9._-]{1,255}$/, 'must be a name of letters, digits and . _ -');
const address = z.string().refine((text) => {
  try {
    parseHostPort(text);
    return true;
  } catch {
    return false;
  }
}, 'must be host:port');

const schema = z.strictObject({
  cluster: name,
  audience: z.string().min(1).max(255),
  broker: z.strictObject({
    addresses: z.array(address).min(1).max(16),
    ca: path,
    certificate: path,
    key: path,
    serverName: name.exactOptional(),
  }),
  /** PKCS #8 in PEM: Ed25519 or P-256. The first signs, all are published. */
  keys: z.array(path).min(1).max(4),
  state: path,
  socket: z
    .strictObject({
      path: path.default('/run/leasehold-signer/signer.sock'),
      group: z.int().min(0).exactOptional(),
    })
    .prefault({}),
  slurm: z
    .strictObject({
      conf: path.exactOptional(),
      squeue: path.default('/usr/bin/squeue'),
      scontrol: path.default('/usr/bin/scontrol'),
    })
    .prefault({}),
  outage: z
    .strictObject({
      unheld: z.enum(['start', 'cancel']).default('start'),
      giveUp: durationSchema({ min: 1, max: 60 }).prefault('10s'),
    })
    .prefault({}),
  reconcile: durationSchema({ min: 1, max: 3_600 }).prefault('60s'),
  log: z.strictObject({ level: z.enum(logLevels) }).prefault({ level: 'info' }),
});

/** `signer.yaml`; durations in seconds. docs/slurm.md describes each key. */
export type SignerConfig = z.output<typeof schema>;

/** Throws `config_invalid` with each problem on a line; never a value. */
export const parseSignerConfig = (text: string): SignerConfig => parseYamlDocument({ text, schema });

export async function loadSignerConfig(file: string): Promise<SignerConfig> {
  const bytes = await readSmallFile(file, { maxBytes: 1_048_576 });
  try {
    return parseSignerConfig(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    if (error instanceof LeaseholdError) throw error;
    throw new LeaseholdError('config_invalid', { detail: `${file}: is not UTF-8` });
  }
}
