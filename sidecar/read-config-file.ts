import { readFile } from 'node:fs/promises';
import { LeaseholdError } from '../src/platform/error.ts';

/** The text of a configuration file of ours. Throws `config_invalid` when it cannot be read. */
export async function readConfigFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    throw new LeaseholdError('config_invalid', { detail: 'the configuration file cannot be read' });
  }
}
