import { afterAll, beforeAll, describe, it } from 'vitest';
import { describeWith } from '../../support/require.ts';
import { type PostgresWorld, startPostgresWorld } from '../ledger/postgres-world.ts';
import { chooseRounds, nameOf } from './crash-plan.ts';
import { holdersOf, playRound } from './crash-round.ts';
import { createCrashWorld } from './crash-world.ts';

/*
 * The same as in crash.test.ts on a ledger in PostgreSQL, where the next life has to find out by itself that the one before is gone. The sample is
 * another one.
 */
const seed = Number(process.env['LEASEHOLD_CRASH_SEED'] ?? 20_260_202);
const wanted = process.env['LEASEHOLD_CRASH_ROUNDS'] ?? '6';
const rounds = chooseRounds(wanted, { seed, fewestKills: 1 });

describeWith(['postgres'], 'with a ledger in PostgreSQL', () => {
  let postgres: PostgresWorld;
  beforeAll(async () => {
    postgres = await startPostgresWorld();
  });
  afterAll(() => postgres[Symbol.asyncDispose]());

  describe(`an engine that is killed (seed ${seed})`, { concurrent: true }, () => {
    it.each(rounds.map((round) => ({ name: nameOf(round), round })))('$name', async ({ round }) => {
      const { pool, ...config } = postgres.config();
      await using world = await createCrashWorld(holdersOf(round), {
        ledger: { postgres: { ...config, pool: { ...pool, size: 4 } } },
      });
      await playRound(round, world);
    });
  });
});
