import type { Clock } from '../src/platform/clock.ts';

/** Which brokers have not answered of late: what one run of a node has waited for in vain, the next one asks last. */
export interface AilingBrokers {
  isAiling(address: string): boolean;
  /** Whether it has welcomed a run, or has let one wait in vain. */
  note(address: string, isWell: boolean): void;
}

/** It is asked in its turn again after that. */
const ailingMs = 60_000;

export function createAilingBrokers({ clock }: { readonly clock: Clock }): AilingBrokers {
  const until = new Map<string, number>();
  return {
    isAiling: (address) => (until.get(address) ?? -Infinity) > clock.monotonic(),
    note: (address, isWell) => {
      if (isWell) until.delete(address);
      else until.set(address, clock.monotonic() + ailingMs);
    },
  };
}
