import { linesOf } from './lines.ts';
import { checkHead, parseHeadLine, type SignedHead } from './signed-head.ts';
import type { HeadVerifier } from './signing-keys.ts';

/** Signed heads that were kept away from the log, oldest first for each chain. */
export interface KnownHeads {
  /** By the number of their record. */
  ofChain(chain: string): ReadonlyMap<number, SignedHead>;
  readonly chains: readonly string[];
  /** Lines that are no signed head. */
  readonly unreadable: number;
  /** Lines that none of the given keys has signed; they are left out. */
  readonly unknownKey: number;
  /** The first line with a signature that a given key did not make; from 1. */
  readonly forgedLine: number | undefined;
}

/** Without a verifier whoever gives the file vouches for it. Throws `audit_unavailable` when it cannot be read. */
export async function readKnownHeads(file: string, verifier: HeadVerifier | undefined): Promise<KnownHeads> {
  const chains = new Map<string, Map<number, SignedHead>>();
  let unreadable = 0;
  let unknownKey = 0;
  let forgedLine: number | undefined;
  let line = 0;
  for await (const { bytes, isComplete } of linesOf(file)) {
    line += 1;
    // A copy may end in the middle of a line.
    const head = isComplete ? parseHeadLine(bytes.toString('utf8')) : undefined;
    const checked = head === undefined || verifier === undefined ? 'good' : checkHead(head, verifier);
    if (head === undefined) unreadable += 1;
    else if (checked === 'unknown') unknownKey += 1;
    else if (checked === 'bad') forgedLine ??= line;
    else {
      const known = chains.get(head.chain) ?? new Map<number, SignedHead>();
      known.set(head.seq, head);
      chains.set(head.chain, known);
    }
  }
  return {
    ofChain: (chain) => chains.get(chain) ?? new Map(),
    chains: [...chains.keys()],
    unreadable,
    unknownKey,
    forgedLine,
  };
}
