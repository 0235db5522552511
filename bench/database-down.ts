import { aBundle, createVaultWorld, leased } from '../test/integration/backend/vault-world.ts';
import { valueAt } from '../test/support/json.ts';
import { startVaultWithPostgres, type VaultWithPostgres } from '../test/support/parts/vault-with-postgres.ts';
import { waitFor } from '../test/support/parts/wait-until-ready.ts';
import { missingReasons } from '../test/support/require.ts';
import { createTempFolder } from '../test/support/temp-folder.ts';
import { rest } from './lib/child.ts';
import type { Benchmark } from './lib/result.ts';
import { issueOne, withEngine } from './lib/with-engine.ts';

const sessions = 100;
/** Vault tries six times, which takes it some eleven minutes from the end of a lease: only the longest form is past that. */
const downMs = { quick: 15_000, usual: 60_000, full: 750_000 };
const boundSeconds = 60;
const longestMs = 180_000;

/**
 * Sessions revoked while the database behind Vault is down: from its return until every lease is confirmed gone. Beside them as many leases of
 * the same role that nobody but Vault looks after: how many of those it has given up on a minute after the return.
 */
export const databaseDown: Benchmark = async ({ quick, full, say }) => {
  const lacking = (['vault', 'postgres'] as const).flatMap(missingReasons);
  if (lacking.length > 0) {
    say(`left out: ${lacking.join('; ')}`);
    return [];
  }
  await using folder = await createTempFolder({ name: 'bench-database-down' });
  await using parts = await startVaultWithPostgres();
  const world = await createVaultWorld(parts);
  const { vault, postgres } = parts;
  try {
    const bundle = aBundle('app', [leased]);
    const made = { folder: folder.path, name: 'down', backend: world.backend, bundle };
    return await withEngine(made, async ({ engine, ledger }) => {
      say(`${sessions} sessions, and as many leases that end by themselves`);
      for (let index = 0; index < sessions; index += 1) await issueOne(engine, bundle);
      for (let index = 0; index < sessions; index += 1) await vault.call('GET', leased.path);
      const request = { reason: 'benchmark', by: 'bench', dryRun: false };
      const ms = quick ? downMs.quick : full ? downMs.full : downMs.usual;
      await postgres.restart(async () => {
        await engine.admin.revoke({ ...request, selector: { bundle: bundle.name } });
        say(`the database is down for ${ms / 1000} s`);
        await rest(ms);
      });
      const startedAt = performance.now();
      await waitFor('all to be gone', async () => (await ledger.count()).work === 0, longestMs);
      const seconds = (performance.now() - startedAt) / 1000;
      say('what Vault has left by itself');
      await rest(Math.max(0, (boundSeconds - seconds) * 1000));
      return [
        {
          figure: 'database_down.confirmed_after',
          value: seconds,
          unit: 's',
          goal: { text: `at most ${boundSeconds} s`, met: seconds <= boundSeconds },
        },
        { figure: 'database_down.given_up_by_vault', value: await givenUp(parts), unit: 'of 100' },
      ];
    });
  } finally {
    await world.close();
  }
};

async function givenUp({ vault }: VaultWithPostgres): Promise<number> {
  return Number(valueAt(await vault.call('GET', 'sys/leases/count?type=irrevocable'), 'data', 'lease_count'));
}
