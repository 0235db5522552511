import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import { Client } from 'pg';
import type { Backend } from '../src/backend/backend.ts';
import { openAudit } from '../src/audit/open-audit.ts';
import { startEngine } from '../src/broker/start-engine.ts';
import { timed } from '../src/broker/timed.ts';
import type { WorkloadStates } from '../src/identity/identity.ts';
import type { Ledger } from '../src/ledger/ledger.ts';
import { defaultPool } from '../src/ledger/postgres/postgres-config.ts';
import { openPostgresLedger } from '../src/ledger/postgres/postgres-ledger.ts';
import { openSqliteLedger } from '../src/ledger/sqlite/sqlite-ledger.ts';
import { systemClock } from '../src/platform/clock.ts';
import { silentLog } from '../src/platform/log.ts';
import { randomId } from '../src/platform/random-id.ts';
import { Secret } from '../src/platform/secret.ts';
import { createFixedPolicy } from '../src/policy/policy-cell.ts';
import { aBundle, createVaultWorld, leased } from '../test/integration/backend/vault-world.ts';
import { startPostgres, type TestPostgres } from '../test/support/parts/postgres.ts';
import { startVaultWithPostgres } from '../test/support/parts/vault-with-postgres.ts';
import { missingReasons } from '../test/support/require.ts';
import { createTempFolder } from '../test/support/temp-folder.ts';
import { aPod, aVerified } from '../test/unit/lease/world.ts';
import { type Benchmark, type BenchResult, percentile, rate } from './lib/result.ts';

/** Calls that change nothing, so that they cost no commit. */
const reading = /^(find|list|count|read|next)/;

interface Life {
  /** From the request to the first generation. */
  readonly firstMs: number;
  /** Of it, what the ledger took. */
  readonly ledgerMs: number;
  readonly commitsToFirst: number;
  /** Until nothing of it is alive and that is confirmed. */
  readonly commits: number;
}

/**
 * What the ledger costs one session with a database credential of a real Vault, from the request to its first generation and to its confirmed end, in
 * a SQLite file and in a PostgreSQL that syncs each commit.
 */
export const ledgerCost: Benchmark = async ({ quick, say }) => {
  const lacking = (['vault', 'postgres'] as const).flatMap(missingReasons);
  if (lacking.length > 0) {
    say(`left out: ${lacking.join('; ')}`);
    return [];
  }
  const lives = quick ? 20 : 100;
  await using folder = await createTempFolder({ name: 'bench-ledger' });
  await using parts = await startVaultWithPostgres();
  await using server = await startPostgres();
  // Tests do without it; a commit that is not synced is not the one that is measured here.
  await server.query('ALTER SYSTEM SET fsync = on');
  await server.restart();
  const world = await createVaultWorld(parts);
  try {
    const stores: Readonly<Record<string, () => Promise<Ledger>>> = {
      sqlite: () => openSqliteLedger({ file: join(folder.path, 'ledger.sqlite'), log: silentLog }),
      postgres: () => openOn(server, folder.path),
    };
    const results: BenchResult[] = [];
    for (const [name, open] of Object.entries(stores)) {
      say(`${lives} sessions on ${name}, one after another`);
      await using ledger = await open();
      const audit = join(folder.path, `${name}.audit`);
      results.push(...figures(name, await liveThrough({ ledger, backend: world.backend, audit, lives })));
    }
    say('bare commits of PostgreSQL');
    const bare = await bareCommits(server, quick ? 1 : 4);
    await using ledger = await openOn(server, folder.path);
    const begun = (index: number) => ledger.writeMeta(`bench-${index % 64}`, randomId('x_'));
    const seconds = quick ? 1 : 4;
    say('ledger commits of PostgreSQL, alone and with 64 at once');
    for (const [figure, concurrency] of [
      ['alone', 1],
      ['64_at_once', 64],
    ] as const)
      results.push({
        figure: `ledger.postgres.commits_${figure}`,
        value: await rate({ seconds, concurrency, task: begun }),
        unit: '/s',
        peer: { name: 'bare commits, one connection', value: bare },
      });
    return results;
  } finally {
    await world.close();
  }
};

async function openOn(server: TestPostgres, folder: string): Promise<Ledger> {
  const { host, port, user, database, password } = server.connection;
  const passwordFile = join(folder, 'password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  return openPostgresLedger({
    config: {
      ...{ host, port, user, database, passwordFile, schema: 'leasehold', pool: defaultPool },
      tls: { mode: 'disable' },
    },
    clock: systemClock,
    log: silentLog,
    random: Math.random,
    signal: AbortSignal.timeout(30_000),
  });
}

async function bareCommits(server: TestPostgres, seconds: number): Promise<number> {
  const client = new Client(server.connection);
  await client.connect();
  try {
    await client.query('CREATE TABLE bare (id text PRIMARY KEY, body text)');
    const body = 'x'.repeat(600);
    return await rate({
      seconds,
      concurrency: 1,
      task: async () => {
        await client.query('INSERT INTO bare VALUES ($1, $2)', [randomId('row_'), body]);
      },
    });
  } finally {
    await client.end();
  }
}

async function liveThrough(options: {
  readonly ledger: Ledger;
  readonly backend: Backend;
  readonly audit: string;
  readonly lives: number;
}): Promise<readonly Life[]> {
  let commits = 0;
  let ledgerMs = 0;
  const ledger = timed(options.ledger, {
    clock: systemClock,
    onCall: ({ method, seconds }) => {
      ledgerMs += seconds * 1000;
      // The work loop claims all the time; those claims are nobody's cost.
      if (!reading.test(method) && method !== 'claimWork' && !method.endsWith('Replica')) commits += 1;
    },
  });
  const bundle = aBundle('app', [leased]);
  await using audit = await openAudit({
    file: options.audit,
    hmacKey: Secret.ofText('benchmark key of no worth'),
    maxWaitMs: 30_000,
    clock: systemClock,
    log: silentLog,
  });
  const states: WorkloadStates = {
    state: () => ({ phase: 'running', freshness: 'fresh' }),
    subscribe: () => () => undefined,
  };
  const stop = new AbortController();
  const { engine } = await startEngine({
    ledger,
    backend: options.backend,
    policy: createFixedPolicy({
      bundles: new Map([[bundle.name, bundle]]),
      grants: [{ name: 'all', effect: 'allow', bundles: ['*'], pods: { cluster: ['*'], namespace: ['*'] } }],
    }),
    states,
    audit,
    clock: systemClock,
    log: silentLog,
    admission: { concurrency: 8, queue: 100, maxWaitMs: 30_000 },
    signal: stop.signal,
  });
  const lives: Life[] = [];
  try {
    for (let index = 0; index < options.lives; index += 1) {
      const first = Promise.withResolvers<{ readonly session: string; readonly generation: string }>();
      [commits, ledgerMs] = [0, 0];
      const startedAt = performance.now();
      const attachment = await engine.sessions.attach({
        verified: aVerified(aPod(`uid-${index}`)),
        mayOpen: true,
        send: (message) => {
          if (message.kind === 'generation')
            first.resolve({ session: message.session, generation: message.generation.id });
          if (message.kind === 'refused') first.reject(new Error(message.code));
        },
      });
      await attachment.open(
        { bundle: bundle.name, requestKey: randomId('req_'), resume: undefined },
        { signal: stop.signal },
      );
      const { session, generation } = await first.promise;
      const firstMs = performance.now() - startedAt;
      const toFirst = { firstMs, ledgerMs, commitsToFirst: commits };
      await attachment.delivered({ session, generation });
      await attachment.release({ session });
      while ((await options.ledger.findSession(session))?.state !== 'ended')
        await systemClock.sleep(10, stop.signal);
      await attachment.detach();
      lives.push({ ...toFirst, commits });
    }
    return lives;
  } finally {
    stop.abort();
    await engine[Symbol.asyncDispose]();
  }
}

function figures(store: string, lives: readonly Life[]): readonly BenchResult[] {
  const median = (of: (life: Life) => number) => percentile(lives.map(of), 0.5);
  return [
    {
      figure: `ledger.${store}.commits_to_first_generation`,
      value: median((life) => life.commitsToFirst),
      unit: '',
    },
    { figure: `ledger.${store}.commits_per_session_life`, value: median((life) => life.commits), unit: '' },
    { figure: `ledger.${store}.first_generation_p50`, value: median((life) => life.firstMs), unit: 'ms' },
    {
      figure: `ledger.${store}.share_of_first_generation`,
      value: 100 * median((life) => life.ledgerMs / life.firstMs),
      unit: '%',
    },
  ];
}
