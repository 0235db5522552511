import { readFile } from 'node:fs/promises';
import { LeaseholdError } from '../../platform/error.ts';

/** The authorities to trust, PEM. Throws `config_invalid`. */
export async function readAuthorities(file: string): Promise<string> {
  const refuse = (rule: string, cause?: unknown) =>
    new LeaseholdError('config_invalid', { detail: `backend.vault.ca ${rule}`, cause });
  const pem = await readFile(file, 'utf8').catch((error: unknown) => {
    throw refuse('cannot be read', error);
  });
  // An empty list of authorities would mean the system's: not what the site asked for.
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw refuse('holds no certificate');
  return pem;
}
