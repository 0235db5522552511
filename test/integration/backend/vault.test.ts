import { afterAll, beforeAll, describe } from 'vitest';
import type { VaultWithPostgres } from '../../support/parts/vault-with-postgres.ts';
import { startVaultWithPostgres } from '../../support/parts/vault-with-postgres.ts';
import { describeVaults } from '../../support/require.ts';
import { describeBackend } from '../../contract/backend-contract.ts';
import { createVaultWorld } from './vault-world.ts';

describeVaults(
  ['postgres'],
  (title) => `the Vault backend on a real ${title} and PostgreSQL, under the printed policy`,
  (product) => {
    let parts: VaultWithPostgres;
    beforeAll(async () => {
      parts = await startVaultWithPostgres({ product });
    });
    afterAll(() => parts.stop());
    describe('the contract', () => {
      describeBackend(() => createVaultWorld(parts));
    });
  },
);
