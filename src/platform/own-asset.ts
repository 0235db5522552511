import { getAsset, isSea } from 'node:sea';

/** Whether this is the one program of the packages, which has Node and every module within itself and no file beside it. */
export const isSelfSufficient = isSea();

/**
 * A text that the self-sufficient program carries within itself, where `scripts/build-program.ts` puts it; undefined in a program
 * that is made of files. Throws for a name that the build did not put there.
 */
export function ownAsset(name: string): string | undefined {
  return isSelfSufficient ? getAsset(name, 'utf8') : undefined;
}
