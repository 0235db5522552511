import { join } from 'node:path';
import { openAudit } from '../src/audit/open-audit.ts';
import { createMemoryBackend, type MemoryBackend } from '../src/backend/memory/memory-backend.ts';
import { startEngine } from '../src/broker/start-engine.ts';
import type { WorkloadStates } from '../src/identity/identity.ts';
import type { LeaseEngine } from '../src/lease/engine.ts';
import type { Ledger } from '../src/ledger/ledger.ts';
import { openSqliteLedger } from '../src/ledger/sqlite/sqlite-ledger.ts';
import { systemClock } from '../src/platform/clock.ts';
import { silentLog } from '../src/platform/log.ts';
import { randomId } from '../src/platform/random-id.ts';
import { Secret } from '../src/platform/secret.ts';
import { createFixedPolicy } from '../src/policy/policy-cell.ts';
import { createTempFolder } from '../test/support/temp-folder.ts';
import { aPod, aVerified, dbBundle } from '../test/unit/lease/world.ts';
import { rest } from './lib/child.ts';
import { seedRevocations } from './lib/seed-revocations.ts';
import type { Benchmark } from './lib/result.ts';

const openers = 16;
const aloneMs = 3_000;
const mib = 1024 * 1024;

/**
 * A broker that starts with revocations pending: how soon it is ready, at what share of its idle rate it serves new sessions meanwhile, and
 * what it grows by. Backend in memory, ledger and audit log in files.
 */
export const pendingRevocations: Benchmark = async ({ quick, say }) => {
  const pending = quick ? 10_000 : 100_000;
  const measuredMs = quick ? 4_000 : 15_000;
  await using folder = await createTempFolder({ name: 'bench-pending' });
  const backend = createMemoryBackend({
    clock: systemClock,
    probationSeconds: 86_400,
    dynamic: { 'database/creds/app': { ttlSeconds: 86_400 } },
    secrets: { 'secret/data/api': { key: 'of no worth' } },
  });
  say('idle');
  const idleRate = (name: string) =>
    withEngine(folder.path, name, backend, (engine) => issueFor(engine, measuredMs));
  const idleBefore = await idleRate('before');
  say(`making ${pending} revocations that are pending`);
  const file = join(folder.path, 'pending.sqlite');
  {
    await using ledger = await openSqliteLedger({ file, log: silentLog });
    await seedRevocations({ ledger, backend, count: pending });
  }
  say('starting with them');
  const startedAt = performance.now();
  const before = process.memoryUsage().rss;
  const seen = await withEngine(folder.path, 'pending', backend, async (engine, ledger) => {
    const readyMs = performance.now() - startedAt;
    let peak = before;
    const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 100);
    const rate = await issueFor(engine, measuredMs);
    const left = await leftIn(ledger);
    clearInterval(watch);
    await rest(1_000);
    const leftAlone = await leftIn(ledger);
    await rest(aloneMs);
    const settledAlone = (leftAlone - (await leftIn(ledger))) / (aloneMs / 1000);
    const settledBeside = (pending - left) / (measuredMs / 1000);
    return { readyMs, rate, settledBeside, settledAlone, grownBy: (peak - before) / mib };
  });
  say('idle again');
  const idle = (idleBefore + (await idleRate('after'))) / 2;
  return [
    {
      figure: 'pending_revocations.ready',
      value: seen.readyMs,
      unit: 'ms',
      goal: { text: 'at most 2 s', met: seen.readyMs <= 2_000 },
    },
    {
      figure: 'pending_revocations.sessions_served',
      value: seen.rate,
      unit: '/s',
      peer: { name: 'idle before and after', value: idle },
      goal: { text: 'at least 0.8', met: seen.rate / idle >= 0.8 },
    },
    { figure: 'pending_revocations.settled_meanwhile', value: seen.settledBeside, unit: '/s' },
    { figure: 'pending_revocations.settled_alone', value: seen.settledAlone, unit: '/s' },
    {
      figure: 'pending_revocations.memory_grown_by',
      value: seen.grownBy,
      unit: 'MiB',
      goal: { text: 'at most 64', met: seen.grownBy <= 64 },
    },
  ];
};

async function leftIn(ledger: Ledger): Promise<number> {
  const paths = await ledger.listOutstanding();
  return paths.find(({ path }) => path === 'database/creds/app')?.count ?? 0;
}

async function withEngine<T>(
  folder: string,
  name: string,
  backend: MemoryBackend,
  task: (engine: LeaseEngine, ledger: Ledger) => Promise<T>,
): Promise<T> {
  await using ledger = await openSqliteLedger({ file: join(folder, `${name}.sqlite`), log: silentLog });
  await using audit = await openAudit({
    file: join(folder, `${name}.audit`),
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
    backend,
    policy: createFixedPolicy({
      bundles: new Map([[dbBundle.name, dbBundle]]),
      grants: [{ name: 'all', effect: 'allow', bundles: ['*'], pods: { cluster: ['*'], namespace: ['*'] } }],
    }),
    states,
    audit,
    clock: systemClock,
    log: silentLog,
    admission: { concurrency: 32, queue: 1_000, maxWaitMs: 30_000 },
    signal: stop.signal,
  });
  try {
    return await task(engine, ledger);
  } finally {
    stop.abort();
    await engine[Symbol.asyncDispose]();
  }
}

/** Sessions per second, each of a holder of its own that stays. */
async function issueFor(engine: LeaseEngine, ms: number): Promise<number> {
  const startedAt = performance.now();
  let served = 0;
  const opener = async () => {
    while (performance.now() - startedAt < ms) {
      await issueOne(engine);
      served += 1;
    }
  };
  await Promise.all(Array.from({ length: openers }, opener));
  return served / ((performance.now() - startedAt) / 1000);
}

async function issueOne(engine: LeaseEngine): Promise<void> {
  const first = Promise.withResolvers<{ readonly session: string; readonly generation: string }>();
  const attachment = await engine.sessions.attach({
    verified: aVerified(aPod(randomId('uid_'))),
    mayOpen: true,
    send: (message) => {
      if (message.kind === 'generation')
        first.resolve({ session: message.session, generation: message.generation.id });
      if (message.kind === 'refused') first.reject(new Error(message.code));
    },
  });
  await attachment.open(
    { bundle: dbBundle.name, requestKey: randomId('req_'), resume: undefined },
    { signal: AbortSignal.timeout(30_000) },
  );
  await attachment.delivered(await first.promise);
}
