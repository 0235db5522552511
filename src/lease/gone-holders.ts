import { longestMarginMs } from './detached.ts';
import type { Parts } from './parts.ts';

/**
 * Detaches in the ledger who was attached at a broker that is gone. Only once would not do: the ledger may be away just when that broker is
 * removed, and nobody would come to its sessions any more.
 */
export interface GoneHolders {
  /** Does nothing for what is detached already. */
  detach(): Promise<void>;
  /** Does it again when it failed. */
  retry(): Promise<void>;
}

export function createGoneHolders(parts: Pick<Parts, 'ledger' | 'backend' | 'settings'>): GoneHolders {
  let isOwed = false;
  const detach = async () => {
    isOwed = true;
    const at = parts.backend.now();
    const dueAt = at + parts.settings.reattachGraceMs;
    await parts.ledger.detachGone({ dueAt, marginMs: longestMarginMs, at });
    isOwed = false;
  };
  return { detach, retry: async () => (isOwed ? detach() : undefined) };
}
