import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openAudit } from '../../../src/audit/open-audit.ts';
import { startEngine } from '../../../src/broker/start-engine.ts';
import type { LeaseEngine } from '../../../src/lease/engine.ts';
import { openSqliteLedger } from '../../../src/ledger/sqlite/sqlite-ledger.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { randomId } from '../../../src/platform/random-id.ts';
import { Secret } from '../../../src/platform/secret.ts';
import { createFixedPolicy } from '../../../src/policy/policy-cell.ts';
import { textAt, valueAt } from '../../support/json.ts';
import { startVaultWithPostgres, type VaultWithPostgres } from '../../support/parts/vault-with-postgres.ts';
import { waitFor } from '../../support/parts/wait-until-ready.ts';
import { describeVaults } from '../../support/require.ts';
import { createTempFolder } from '../../support/temp-folder.ts';
import { aPod, aVerified } from '../../unit/lease/world.ts';
import { aBundle, createVaultWorld, leased } from '../backend/vault-world.ts';

const longestWaitMs = 240_000;

describeVaults(
  ['postgres'],
  (title) => `a lease that ${title} has given up on`,
  (product) => {
    let parts: VaultWithPostgres;
    beforeAll(async () => {
      // Six attempts of Vault take minutes; what they leave in its storage is one field, which only the raw endpoint can write.
      parts = await startVaultWithPostgres({ product, configuration: 'raw_storage_endpoint = true' });
    });
    afterAll(() => parts.stop());

    const irrevocable = async () => {
      const { vault } = parts;
      return valueAt(await vault.call('GET', 'sys/leases/count?type=irrevocable'), 'data', 'lease_count');
    };
    const giveUp = async (leaseId: string) => {
      const { vault } = parts;
      const at = `sys/raw/sys/expire/id/${leaseId}`;
      const entry: unknown = JSON.parse(textAt(await vault.call('GET', at), 'data', 'value'));
      if (typeof entry !== 'object') throw new TypeError('not an entry of a lease');
      const givenUp = { ...entry, revokeErr: 'the database was away' };
      await vault.call('PUT', at, { value: JSON.stringify(givenUp) });
      // What is irrevocable is read from storage when Vault takes over.
      await vault.seal();
      await vault.unseal();
    };

    it('is revoked by its id, confirmed, and its user is gone', async () => {
      await using folder = await createTempFolder();
      const world = await createVaultWorld(parts);
      const file = join(folder.path, 'ledger.sqlite');
      await using ledger = await openSqliteLedger({ file, log: silentLog });
      await using audit = await openAudit({
        file: join(folder.path, 'audit.log'),
        hmacKey: Secret.ofText('key of a test'),
        maxWaitMs: 30_000,
        clock: systemClock,
        log: silentLog,
      });
      const bundle = aBundle('app', [leased]);
      const stop = new AbortController();
      const { engine } = await startEngine({
        ledger,
        backend: world.backend,
        policy: createFixedPolicy({
          bundles: new Map([[bundle.name, bundle]]),
          grants: [
            { name: 'all', effect: 'allow', bundles: ['*'], pods: { cluster: ['*'], namespace: ['*'] } },
          ],
        }),
        states: { state: () => ({ phase: 'running', freshness: 'fresh' }), subscribe: () => () => undefined },
        audit,
        clock: systemClock,
        log: silentLog,
        admission: { concurrency: 8, queue: 100, maxWaitMs: longestWaitMs },
        signal: stop.signal,
      });
      try {
        const { session, username, release } = await openOne(engine, bundle.name);
        const found = await ledger.findSession(session);
        const lease = found?.leaseSets[0]?.credentials.find(({ kind }) => kind === 'lease');
        await giveUp(lease?.reference ?? '');
        // Vault serves before it has read all leases.
        await waitFor('Vault to know it', async () => (await irrevocable()) === 1);
        expect(await parts.roleExists(username)).toBe(true);
        await release();
        await waitFor(
          'the end of the session',
          async () => (await ledger.findSession(session))?.state === 'ended',
          longestWaitMs,
        );
        const ended = await ledger.findSession(session);
        const settlements = ended?.leaseSets[0]?.credentials.map(({ settlement }) => settlement);
        expect(settlements).toEqual(['confirmed', 'confirmed']);
        expect(await parts.roleExists(username)).toBe(false);
        expect(await irrevocable()).toBe(0);
      } finally {
        stop.abort();
        await engine[Symbol.asyncDispose]();
        await world.close();
      }
    });
  },
);

async function openOne(engine: LeaseEngine, bundle: string) {
  const first = Promise.withResolvers<{ session: string; generation: string; username: string }>();
  const attachment = await engine.sessions.attach({
    verified: aVerified(aPod()),
    mayOpen: true,
    send: (message) => {
      if (message.kind === 'refused') first.reject(new Error(message.code));
      if (message.kind !== 'generation') return;
      const fields = message.secrets.find(({ name }) => name === leased.name)?.fields;
      const username = Buffer.from(fields?.get('username')?.open() ?? []).toString();
      first.resolve({ session: message.session, generation: message.generation.id, username });
    },
  });
  const request = { bundle, requestKey: randomId('req_'), resume: undefined };
  await attachment.open(request, { signal: AbortSignal.timeout(longestWaitMs) });
  const { session, generation, username } = await first.promise;
  await attachment.delivered({ session, generation });
  return { session, username, release: () => attachment.release({ session }) };
}
