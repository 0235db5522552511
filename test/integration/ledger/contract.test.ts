import { afterAll, beforeAll } from 'vitest';
import { ledgerContract } from '../../contract/ledger-contract.ts';
import { describeWith } from '../../support/require.ts';
import { type PostgresWorld, startPostgresWorld } from './postgres-world.ts';

describeWith(['postgres'], 'on a real PostgreSQL', () => {
  let world: PostgresWorld;
  beforeAll(async () => {
    world = await startPostgresWorld();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  ledgerContract('the PostgreSQL ledger', async () => {
    const config = world.config();
    let ledger = await world.open(config);
    return {
      ledger,
      reopen: async () => {
        await ledger[Symbol.asyncDispose]();
        ledger = await world.open(config);
        return ledger;
      },
      // The schema goes with the server.
      close: () => ledger[Symbol.asyncDispose](),
    };
  });
});
