import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeVaults } from '../../support/require.ts';
import { waitFor } from '../../support/parts/wait-until-ready.ts';
import { chooseRounds, nameOf } from './crash-plan.ts';
import { holdersOf, playRound } from './crash-round.ts';
import { type CrashVault, startCrashVault } from './crash-vault.ts';
import { createCrashWorld } from './crash-world.ts';

/*
 * The same as in crash.test.ts on a real Vault whose users are PostgreSQL's, to which the engine connects by itself: its death breaks its connections
 * too. The sample is another one. In batches, each on a Vault of its own, after which nothing may be left there.
 */
const seed = Number(process.env['LEASEHOLD_CRASH_SEED'] ?? 20_260_303);
const wanted = process.env['LEASEHOLD_CRASH_ROUNDS'] ?? '5';
const rounds = chooseRounds(wanted, { seed, fewestKills: 1 });
const batchSize = 40;
const batches = Array.from({ length: Math.ceil(rounds.length / batchSize) }, (_, batch) =>
  rounds.slice(batch * batchSize, (batch + 1) * batchSize),
);

describeVaults(
  ['postgres'],
  (title) => `with a real ${title} (seed ${seed})`,
  (product) => {
    describe.each(batches.map((batch, index) => ({ batch, number: index + 1 })))(
      'batch $number',
      ({ batch }) => {
        let vault: CrashVault;
        beforeAll(async () => {
          vault = await startCrashVault(batch.length, product);
        });
        afterAll(() => vault[Symbol.asyncDispose]());

        describe('an engine that is killed', { concurrent: true }, () => {
          it.each(batch.map((round, nth) => ({ name: nameOf(round), round, nth })))(
            '$name',
            async ({ round, nth }) => {
              await using world = await createCrashWorld(holdersOf(round), { backend: vault.backend(nth) });
              await playRound(round, world);
            },
          );
        });

        it('leaves nothing alive at Vault or in the database', async () => {
          const count = async () => {
            const { leases, tokens, users } = await vault.alive();
            return leases.length + tokens.length + users.length;
          };
          await waitFor('the end of all leases', async () => (await count()) === 0);
          expect(await count()).toBe(0);
        });
      },
    );
  },
);
