import { readFile } from 'node:fs/promises';
import { hasCode } from '../../platform/error.ts';
import { requireReadable } from '../audit-files.ts';
import { defineCommand } from '../define-command.ts';
import { exitStatus } from '../exit-status.ts';
import { outputOption, print } from '../output.ts';
import { WrongUse } from '../wrong-use.ts';

export const auditKey = defineCommand({
  name: 'audit key',
  summary: 'print the public half of a key that signs audit heads',
  details: [
    'Auditors need the public half for `leasehold audit verify --key`. It is no secret; what matters is that they get it from somebody they trust, once, and not from the machine that they audit.',
    'With --make the private key is made first: an Ed25519 key as PEM, in a new file that only its owner can read. It never replaces a file.',
  ],
  arguments: { file: { help: 'the private key: audit.signing.keyFile' } },
  options: {
    make: { kind: 'switch', help: 'make the key; the file must not be there yet' },
    ...outputOption,
  },
  examples: [
    'leasehold audit key --make /etc/leasehold/audit-signing.pem > audit-public.pem',
    'leasehold audit key /etc/leasehold/audit-signing.pem --output json',
  ],
  run: async ({ args, options }, world) => {
    const keys = await import('../../audit/signing-keys.ts');
    if (options.make) await make(args.file);
    await requireReadable([args.file]);
    const pem = await readFile(args.file);
    try {
      const key = keys.parseSigningKey(pem);
      const data = { keyId: keys.keyIdOf(key), publicKey: keys.publicPem(key) };
      await print(world, options.output, { data, table: () => data.publicKey });
      return exitStatus.done;
    } catch (error) {
      if (!hasCode(error, 'config_invalid')) throw error;
      throw new WrongUse(`${args.file} does not hold an Ed25519 private key as PEM`);
    } finally {
      pem.fill(0);
    }
  },
});

async function make(file: string): Promise<void> {
  const { generateKeyPairSync } = await import('node:crypto');
  const { writeFile } = await import('node:fs/promises');
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
  try {
    await writeFile(file, pem, { flag: 'wx', mode: 0o600 });
  } catch {
    throw new WrongUse(`${file} cannot be made: it is there already, or its folder cannot be written`);
  }
}
