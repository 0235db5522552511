import type { Identity } from '../../identity/identity.ts';
import { parseIdentity } from './stored-json.ts';

/**
 * Identities of runs on many nodes, kept once they were read: each of the nodes asks for the same one, and reading all their names for each would
 * cost a run of n nodes n². What is stored never changes. Small ones come with their row.
 */
export interface Identities {
  /** `key` of what is committed, never used for another identity. */
  find(key: string): Identity | undefined;
  keep(key: string, stored: unknown): Identity;
}

/** Stored bytes from which on an identity does not come with its row. */
export const largeBytes = 2_048;
/** Each up to about 1 MB. */
const mostKept = 64;

export function createIdentities(): Identities {
  const kept = new Map<string, Identity>();
  return {
    find: (key) => {
      const found = kept.get(key);
      if (found === undefined) return undefined;
      // The one that was asked for longest ago is the first to go.
      kept.delete(key);
      kept.set(key, found);
      return found;
    },
    keep: (key, stored) => {
      const identity = parseIdentity(String(stored));
      kept.set(key, identity);
      if (kept.size > mostKept) for (const oldest of kept.keys()) return (kept.delete(oldest), identity);
      return identity;
    },
  };
}
