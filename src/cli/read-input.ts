import { LeaseholdError } from '../platform/error.ts';
import { readSmallFile } from '../platform/small-file.ts';
import { WrongUse } from './wrong-use.ts';

/** A file that a person named. Throws WrongUse with where the name came from (`--ca`, `LEASEHOLD_CA`) and the rule. */
export async function readInput(source: string, path: string, maxBytes: number): Promise<Buffer> {
  try {
    return await readSmallFile(path, { maxBytes });
  } catch (error) {
    if (error instanceof LeaseholdError) throw new WrongUse(`${source}: ${error.detail ?? error.message}`);
    throw error;
  }
}
