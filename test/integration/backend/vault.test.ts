import { afterAll, beforeAll, describe } from 'vitest';
import type { VaultWithPostgres } from '../../support/parts/vault-with-postgres.ts';
import { startVaultWithPostgres } from '../../support/parts/vault-with-postgres.ts';
import { describeWith } from '../../support/require.ts';
import { findBao } from '../../support/tools/find-tool.ts';
import { describeBackend } from '../../contract/backend-contract.ts';
import { createVaultWorld } from './vault-world.ts';

const suite = (program: () => string | undefined) => () => {
  let parts: VaultWithPostgres;
  beforeAll(async () => {
    const found = program();
    parts = await startVaultWithPostgres(found === undefined ? {} : { program: found });
  });
  afterAll(() => parts.stop());
  describe('the contract', () => {
    describeBackend(() => createVaultWorld(parts));
  });
};

describeWith(
  ['vault', 'postgres'],
  'the Vault backend on a real Vault and PostgreSQL, under the printed policy',
  suite(() => undefined),
);

describeWith(
  ['bao', 'postgres'],
  'the Vault backend on a real OpenBao and PostgreSQL, under the printed policy',
  suite(() => {
    const bao = findBao();
    return 'path' in bao ? bao.path : undefined;
  }),
);
