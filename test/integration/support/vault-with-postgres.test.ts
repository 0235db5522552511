import { afterAll, beforeAll, expect, it } from 'vitest';
import { textAt, valueAt } from '../../support/json.ts';
import type { VaultWithPostgres } from '../../support/parts/vault-with-postgres.ts';
import {
  exampleSecret,
  startVaultWithPostgres,
  vaultPaths,
} from '../../support/parts/vault-with-postgres.ts';
import { describeVaults } from '../../support/require.ts';

describeVaults(
  ['postgres'],
  (title) => `the ${title} and PostgreSQL that tests start`,
  (product) => {
    let parts: VaultWithPostgres;
    beforeAll(async () => {
      parts = await startVaultWithPostgres({ product });
    });
    afterAll(async () => {
      await parts.stop();
    });

    it('refuses a wrong password, also for the superuser', async () => {
      expect(await parts.canLogin(parts.postgres.connection.user, 'wrong')).toBe(false);
      expect(await parts.canLogin('nobody-of-that-name', 'wrong')).toBe(false);
    });

    it('refuses a request with an unknown token', async () => {
      const reply = await parts.vault.request('GET', vaultPaths.credentials, undefined, 'unknown');
      expect(reply.status).toBe(403);
    });

    it('issues a database user that logs in until its lease is revoked', async () => {
      const issued = await parts.vault.call('GET', vaultPaths.credentials);
      const username = textAt(issued, 'data', 'username');
      const password = textAt(issued, 'data', 'password');
      expect(valueAt(issued, 'lease_duration')).toBe(60);
      expect(await parts.canLogin(username, password)).toBe(true);
      expect(await parts.canLogin(username, `${password}x`)).toBe(false);

      await parts.vault.call('POST', 'sys/leases/revoke', {
        lease_id: textAt(issued, 'lease_id'),
        sync: true,
      });
      expect(await parts.roleExists(username)).toBe(false);
      expect(await parts.canLogin(username, password)).toBe(false);
    });

    it('holds the example secret', async () => {
      const read = await parts.vault.call('GET', 'secret/data/example');
      expect(valueAt(read, 'data', 'data')).toEqual(exampleSecret);
    });
  },
);
