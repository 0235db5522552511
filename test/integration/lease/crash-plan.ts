import { type Step, steps } from '../../../src/lease/steps.ts';

export const operations = ['issue', 'rotate', 'renew', 'revoke'] as const;
export type Operation = (typeof operations)[number];

/** One round: what is under way, where it is killed, and who comes back. */
export interface Round {
  readonly operation: Operation;
  readonly step: Step;
  /** The how-manieth time that the step is reached. */
  readonly nth: number;
  readonly holders: 1 | 3;
  readonly returning: boolean;
  /** A second death, in the life that puts the first in order. */
  readonly again: Step | undefined;
}

const issuing: readonly Step[] = [
  'token.created',
  'token.recorded',
  'lease.read',
  'lease.recorded',
  'renewal.token',
  'renewal.lease',
  'lease_set.extended',
  'issue.audited',
  'lease_set.activated',
  'generation.sent',
  'generation.delivered',
];
const revoking: readonly Step[] = [
  'revoke.begun',
  'revoke.lease',
  'revoke.token',
  'revoke.settled',
  'revoke.recorded',
  'revoke.finished',
];

/** Steps that each operation passes. */
const passes: Readonly<Record<Operation, readonly Step[]>> = {
  issue: ['session.begun', ...issuing],
  rotate: ['lease_set.begun', ...issuing, ...revoking],
  renew: ['renewal.token', 'renewal.lease', 'renewal.recorded'],
  revoke: ['revoke.told', ...revoking],
};

/** A small generator of repeatable numbers from 0 up to 1 (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Every step of every operation, with one holder and with three, coming back and not; in an order of the seed's. */
export function planRounds(seed: number): readonly Round[] {
  const random = seeded(seed);
  const rounds = operations.flatMap((operation) =>
    passes[operation].flatMap((step) =>
      ([1, 3] as const).flatMap((holders) =>
        [true, false].map((returning): Round => {
          const again = random() < 0.4 ? steps[Math.floor(random() * steps.length)] : undefined;
          const nth = random() < 0.25 && step !== 'session.begun' ? 2 : 1;
          return { operation, step, nth, holders, returning, again };
        }),
      ),
    ),
  );
  return rounds
    .map((round) => ({ round, order: random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ round }) => round);
}

export function nameOf({ operation, step, nth, holders, returning, again }: Round): string {
  const death = `${operation} at ${step}${nth === 1 ? '' : ` (${nth})`}`;
  const second = again === undefined ? '' : `, and again at ${again}`;
  return `${death}${second}: ${holders} ${returning ? 'coming back' : 'gone'}`;
}

/** How often the engine is killed in a round. */
const killsIn = ({ again }: Round): number => (again === undefined ? 1 : 2);

/**
 * `wanted` rounds of the seed's plan; `all` for whole plans, of this seed and those that follow it, until there are as many kills.
 */
export function chooseRounds(
  wanted: string,
  { seed, fewestKills }: { readonly seed: number; readonly fewestKills: number },
): readonly Round[] {
  if (wanted !== 'all') return planRounds(seed).slice(0, Number(wanted));
  const rounds: Round[] = [];
  let kills = 0;
  for (let next = seed; kills < fewestKills; next += 1) {
    for (const round of planRounds(next)) {
      rounds.push(round);
      kills += killsIn(round);
    }
  }
  return rounds;
}
