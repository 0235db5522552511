import { describe, it } from 'vitest';
import { chooseRounds, nameOf } from './crash-plan.ts';
import { holdersOf, playRound } from './crash-round.ts';
import { createCrashWorld } from './crash-world.ts';

/*
 * The engine is killed in the middle of its work, at every step that src/lease/steps.ts names, and started again on the same ledger and
 * backend. LEASEHOLD_CRASH_ROUNDS: how many rounds (`all` for every step of every operation, with at least 1,000 kills); LEASEHOLD_CRASH_SEED: which ones.
 */
const seed = Number(process.env['LEASEHOLD_CRASH_SEED'] ?? 20_260_101);
const wanted = process.env['LEASEHOLD_CRASH_ROUNDS'] ?? '14';
const rounds = chooseRounds(wanted, { seed, fewestKills: 1_000 });

describe(`an engine that is killed (seed ${seed})`, { concurrent: true }, () => {
  it.each(rounds.map((round) => ({ name: nameOf(round), round })))('$name', async ({ round }) => {
    await using world = await createCrashWorld(holdersOf(round));
    await playRound(round, world);
  });
});
