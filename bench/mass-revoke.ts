import type { Backend } from '../src/backend/backend.ts';
import { createMemoryBackend } from '../src/backend/memory/memory-backend.ts';
import { systemClock } from '../src/platform/clock.ts';
import { randomId } from '../src/platform/random-id.ts';
import type { Bundle } from '../src/policy/bundle.ts';
import { aBundle, createVaultWorld, leased } from '../test/integration/backend/vault-world.ts';
import { startVaultWithPostgres, type VaultWithPostgres } from '../test/support/parts/vault-with-postgres.ts';
import { waitFor } from '../test/support/parts/wait-until-ready.ts';
import { valueAt } from '../test/support/json.ts';
import { missingReasons } from '../test/support/require.ts';
import { createTempFolder } from '../test/support/temp-folder.ts';
import { dbBundle } from '../test/unit/lease/world.ts';
import type { Benchmark, BenchOptions, BenchResult } from './lib/result.ts';
import { issueOne, withEngine } from './lib/with-engine.ts';

const atOnce = 32;
/** More at once than the database likes make it slower, so the best of these is what Vault can. */
const widths = [4, 16] as const;
const longestMs = 600_000;

/**
 * All sessions revoked by one call, until every lease and token is confirmed gone: on a real Vault and PostgreSQL beside the same leases and
 * tokens revoked by bare calls, with Vault's own revocation statement and with one that drops the role and looks for nothing; and many more on a
 * backend in memory.
 */
export const massRevoke: Benchmark = async (options) => [
  ...(await onVault(options, { name: 'vault', ownStatement: false })),
  ...(await onVault(options, { name: 'vault_drop_role', ownStatement: true })),
  ...(await inMemory(options)),
];

async function inMemory({ quick, say }: BenchOptions): Promise<readonly BenchResult[]> {
  const count = quick ? 1_000 : 10_000;
  await using folder = await createTempFolder({ name: 'bench-mass-revoke' });
  const backend = createMemoryBackend({
    clock: systemClock,
    dynamic: { 'database/creds/app': {} },
    secrets: { 'secret/data/api': { key: 'of no worth' } },
  });
  say(`${count} sessions on the backend in memory`);
  const seen = await revokeAll({ folder: folder.path, backend, bundle: dbBundle, count });
  return [
    { figure: 'mass_revoke.memory.call', value: seen.callMs, unit: 'ms' },
    { figure: 'mass_revoke.memory.confirmed', value: seen.perSecond, unit: '/s' },
    {
      figure: 'mass_revoke.memory.alive_afterwards',
      value: backend.aliveCredentials().length,
      unit: '',
      goal: { text: 'none', met: backend.aliveCredentials().length === 0 },
    },
  ];
}

async function onVault(
  { quick, say }: BenchOptions,
  { name, ownStatement }: { readonly name: string; readonly ownStatement: boolean },
): Promise<readonly BenchResult[]> {
  const lacking = (['vault', 'postgres'] as const).flatMap(missingReasons);
  if (lacking.length > 0) {
    say(`left out: ${lacking.join('; ')}`);
    return [];
  }
  const count = quick ? 200 : 1_000;
  await using folder = await createTempFolder({ name: 'bench-mass-revoke' });
  await using parts = await startVaultWithPostgres();
  if (!ownStatement) await useDefaultRevocation(parts);
  const world = await createVaultWorld(parts);
  try {
    const { backend } = world;
    const statement = ownStatement ? 'one statement that drops it' : "Vault's default statements";
    say(`${count} leases and tokens, revoked by bare calls; roles end by ${statement}`);
    const rates: number[] = [];
    for (const width of widths)
      rates.push(await revokeBare({ backend, count: count / widths.length, width }));
    const bare = Math.max(...rates);
    say('as many as a fifth of them, revoked by Vault itself');
    const prefix = await revokeByPrefix({ parts, backend, count: count / 5 });
    say(`${count} sessions on Vault`);
    const bundle = aBundle('app', [leased]);
    const seen = await revokeAll({ folder: folder.path, backend, bundle, count });
    return [
      {
        figure: `mass_revoke.${name}.confirmed`,
        value: seen.perSecond,
        unit: '/s',
        peer: { name: 'bare calls, best width', value: bare },
        goal: { text: 'at least 0.9', met: seen.perSecond / bare >= 0.9 },
      },
      {
        figure: `mass_revoke.${name}.confirmed_beside_prefix`,
        value: seen.perSecond,
        unit: '/s',
        peer: { name: 'one request by prefix, nothing looked up', value: prefix },
      },
    ];
  } finally {
    await world.close();
  }
}

/** It looks through information_schema for what the role was granted, and is what a site has that names none. */
async function useDefaultRevocation({ vault }: VaultWithPostgres): Promise<void> {
  const role = valueAt(await vault.call('GET', 'database/roles/app'), 'data');
  await vault.call('POST', 'database/roles/app', { ...Object(role), revocation_statements: [] });
}

async function revokeAll(options: {
  readonly folder: string;
  readonly backend: Backend;
  readonly bundle: Bundle;
  readonly count: number;
}): Promise<{ readonly callMs: number; readonly perSecond: number }> {
  const { bundle, count } = options;
  return withEngine({ ...options, name: 'mass' }, async ({ engine, ledger }) => {
    await repeat({ count }, async () => {
      await issueOne(engine, bundle);
    });
    const startedAt = performance.now();
    const request = { reason: 'benchmark', by: 'bench', dryRun: false };
    await engine.admin.revoke({ ...request, selector: { bundle: bundle.name } });
    const callMs = performance.now() - startedAt;
    await waitFor('all to be gone', async () => (await ledger.count()).work === 0, longestMs);
    return { callMs, perSecond: count / ((performance.now() - startedAt) / 1000) };
  });
}

/** One request for all leases below the path, as an operator makes it who has no broker: Vault revokes them, and leaves their tokens. */
async function revokeByPrefix(options: {
  readonly parts: VaultWithPostgres;
  readonly backend: Backend;
  readonly count: number;
}): Promise<number> {
  const { count } = options;
  await issueBare(options);
  const startedAt = performance.now();
  await options.parts.vault.call('PUT', `sys/leases/revoke-prefix/${leased.path}`, { sync: true });
  return count / ((performance.now() - startedAt) / 1000);
}

interface Issued {
  readonly leaseId: string;
  readonly accessor: string;
}

/** Leases and tokens as sessions have them. */
async function issueBare({
  backend,
  count,
}: {
  readonly backend: Backend;
  readonly count: number;
}): Promise<readonly Issued[]> {
  const signal = AbortSignal.timeout(longestMs);
  const made: Issued[] = [];
  await repeat({ count }, async () => {
    const tokenRole = 'leasehold-app';
    const { token, accessor } = await backend.createToken({ tokenRole, intent: randomId('set_'), signal });
    await backend.renewToken({ accessor, incrementSeconds: 3600, signal });
    const { lease } = await backend.read({ token, source: leased, signal });
    if (lease === undefined) throw new Error('the backend gave no lease');
    await backend.renewLease({ leaseId: lease.leaseId, incrementSeconds: 3600, signal });
    made.push({ leaseId: lease.leaseId, accessor });
  });
  return made;
}

/** The same leases and tokens by calls from outside: lease, then token. */
async function revokeBare(options: {
  readonly backend: Backend;
  readonly count: number;
  readonly width: number;
}): Promise<number> {
  const { backend, count, width } = options;
  const signal = AbortSignal.timeout(longestMs);
  const made = await issueBare(options);
  const startedAt = performance.now();
  await repeat({ count, width }, async (index) => {
    const one = made[index];
    if (one === undefined) return;
    await backend.revokeLease({ leaseId: one.leaseId, signal });
    await backend.revokeToken({ accessor: one.accessor, signal });
  });
  return count / ((performance.now() - startedAt) / 1000);
}

async function repeat(
  { count, width = atOnce }: { readonly count: number; readonly width?: number },
  task: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) {
      next += 1;
      await task(next - 1);
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
}
