import { join } from 'node:path';
import { createMemoryBackend } from '../src/backend/memory/memory-backend.ts';
import type { LeaseEngine } from '../src/lease/engine.ts';
import type { Ledger } from '../src/ledger/ledger.ts';
import { openSqliteLedger } from '../src/ledger/sqlite/sqlite-ledger.ts';
import { systemClock } from '../src/platform/clock.ts';
import { silentLog } from '../src/platform/log.ts';
import { createTempFolder } from '../test/support/temp-folder.ts';
import { dbBundle } from '../test/unit/lease/world.ts';
import { rest } from './lib/child.ts';
import { seedRevocations } from './lib/seed-revocations.ts';
import { issueOne, withEngine } from './lib/with-engine.ts';
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
  const made = { folder: folder.path, backend, bundle: dbBundle };
  const serveIdle = (name: string) =>
    withEngine({ ...made, name }, ({ engine }) => growth(() => issueFor(engine, measuredMs)));
  const idleBefore = await serveIdle('before');
  say(`making ${pending} revocations that are pending`);
  const file = join(folder.path, 'pending.sqlite');
  {
    await using ledger = await openSqliteLedger({ file, log: silentLog });
    await seedRevocations({ ledger, backend, count: pending });
  }
  say('starting with them');
  const startedAt = performance.now();
  const before = process.memoryUsage().rss;
  const seen = await withEngine({ ...made, name: 'pending' }, async ({ engine, ledger }) => {
    const readyMs = performance.now() - startedAt;
    const { grownBy, result: rate } = await growth(() => issueFor(engine, measuredMs), before);
    const left = await leftIn(ledger);
    await rest(1_000);
    const leftAlone = await leftIn(ledger);
    await rest(aloneMs);
    const settledAlone = (leftAlone - (await leftIn(ledger))) / (aloneMs / 1000);
    const settledBeside = (pending - left) / (measuredMs / 1000);
    return { readyMs, rate, settledBeside, settledAlone, grownBy };
  });
  say('idle again');
  const idleAfter = await serveIdle('after');
  const idle = (idleBefore.result + idleAfter.result) / 2;
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
      // What it serves meanwhile is in memory too, as it is without the others.
      peer: { name: 'serving alone, before', value: idleBefore.grownBy },
      goal: { text: 'at most 64', met: seen.grownBy <= 64 },
    },
  ];
};

async function leftIn(ledger: Ledger): Promise<number> {
  const paths = await ledger.listOutstanding();
  return paths.find(({ path }) => path === 'database/creds/app')?.count ?? 0;
}

/** The most that the process holds meanwhile above what it held, MiB. */
async function growth<T>(
  task: () => Promise<T>,
  before = process.memoryUsage().rss,
): Promise<{ readonly grownBy: number; readonly result: T }> {
  let peak = before;
  const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 100);
  try {
    const result = await task();
    return { grownBy: (peak - before) / mib, result };
  } finally {
    clearInterval(watch);
  }
}

/** Sessions per second, each of a holder of its own that stays. */
async function issueFor(engine: LeaseEngine, ms: number): Promise<number> {
  const startedAt = performance.now();
  let served = 0;
  const opener = async () => {
    while (performance.now() - startedAt < ms) {
      await issueOne(engine, dbBundle);
      served += 1;
    }
  };
  await Promise.all(Array.from({ length: openers }, opener));
  return served / ((performance.now() - startedAt) / 1000);
}
