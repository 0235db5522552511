import { join } from 'node:path';
import { openAudit } from '../../src/audit/open-audit.ts';
import type { Backend } from '../../src/backend/backend.ts';
import { startEngine } from '../../src/broker/start-engine.ts';
import type { LeaseEngine } from '../../src/lease/engine.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { openSqliteLedger } from '../../src/ledger/sqlite/sqlite-ledger.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { randomId } from '../../src/platform/random-id.ts';
import { Secret } from '../../src/platform/secret.ts';
import type { Bundle } from '../../src/policy/bundle.ts';
import { createFixedPolicy } from '../../src/policy/policy-cell.ts';
import { aPod, aVerified } from '../../test/unit/lease/world.ts';

/** What a task is run with: a session engine of its own on a SQLite ledger and an audit log in files. */
export interface EngineOfBench {
  readonly engine: LeaseEngine;
  readonly ledger: Ledger;
}

export async function withEngine<T>(
  options: {
    readonly folder: string;
    /** Of its files. */
    readonly name: string;
    readonly backend: Backend;
    readonly bundle: Bundle;
  },
  task: (parts: EngineOfBench) => Promise<T>,
): Promise<T> {
  const { folder, name, backend, bundle } = options;
  await using ledger = await openSqliteLedger({ file: join(folder, `${name}.sqlite`), log: silentLog });
  await using audit = await openAudit({
    file: join(folder, `${name}.audit`),
    hmacKey: Secret.ofText('benchmark key of no worth'),
    maxWaitMs: 30_000,
    clock: systemClock,
    log: silentLog,
  });
  const stop = new AbortController();
  const { engine } = await startEngine({
    ledger,
    backend,
    policy: createFixedPolicy({
      bundles: new Map([[bundle.name, bundle]]),
      grants: [{ name: 'all', effect: 'allow', bundles: ['*'], pods: { cluster: ['*'], namespace: ['*'] } }],
    }),
    states: { state: () => ({ phase: 'running', freshness: 'fresh' }), subscribe: () => () => undefined },
    audit,
    clock: systemClock,
    log: silentLog,
    admission: { concurrency: 32, queue: 1_000, maxWaitMs: 30_000 },
    signal: stop.signal,
  });
  try {
    return await task({ engine, ledger });
  } finally {
    stop.abort();
    await engine[Symbol.asyncDispose]();
  }
}

/** A session of a holder of its own that stays, up to its first generation; its id. */
export async function issueOne(engine: LeaseEngine, bundle: Bundle): Promise<string> {
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
  const request = { bundle: bundle.name, requestKey: randomId('req_'), resume: undefined };
  await attachment.open(request, { signal: AbortSignal.timeout(30_000) });
  const generation = await first.promise;
  await attachment.delivered(generation);
  return generation.session;
}
