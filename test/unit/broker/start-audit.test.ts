import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { open, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { AuditConfig } from '../../../src/broker/config-audit.ts';
import { startAudit } from '../../../src/broker/start-audit.ts';
import { openSqliteLedger } from '../../../src/ledger/sqlite/sqlite-ledger.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { createMetrics } from '../../../src/platform/metrics.ts';
import { createTempFolder } from '../../support/temp-folder.ts';
import { createManualClock } from '../backend/manual-clock.ts';

async function openWorld() {
  const folder = await createTempFolder({ name: 'audit' });
  const path = (name: string) => join(folder.path, name);
  await writeFile(path('hmac'), 'x'.repeat(32));
  const { privateKey } = generateKeyPairSync('ed25519');
  await writeFile(path('key'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const ledger = await openSqliteLedger({ file: path('ledger'), log: silentLog });
  const clock = createManualClock();
  const start = (name: string, signing?: AuditConfig['signing']) => {
    const metrics = createMetrics();
    return startAudit({
      config: {
        sink: { kind: 'file', file: path(name), rotate: { maxBytes: 1_000_000, maxAgeMs: 0 } },
        hmacKeyFile: path('hmac'),
        maxWaitMs: 1_000,
        ...(signing === undefined ? {} : { signing }),
      },
      replica: name,
      ledger,
      metrics,
      now: () => clock.now(),
      clock,
      log: silentLog,
      signal: new AbortController().signal,
    });
  };
  return {
    path,
    ledger,
    clock,
    start,
    [Symbol.asyncDispose]: async () => {
      await ledger[Symbol.asyncDispose]();
      await folder.remove();
    },
  };
}

it('an audit log whose folder hangs is not waited for when the broker goes down, and its name is let go', async () => {
  await using world = await openWorld();
  const { path, ledger } = world;
  // Opening a pipe that nobody reads waits as a folder does whose server is away.
  execFileSync('mkfifo', [path('heads')]);
  const audit = await world.start('one', {
    keyFile: path('key'),
    everyRecords: 1,
    everyMinutes: 60,
    headsFile: path('heads'),
  });
  let isClosed = false;
  const closing = audit[Symbol.asyncDispose]().then(() => (isClosed = true));
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(isClosed).toBe(false);
  expect(await ledger.readMeta('replica_name/one')).toBeDefined();
  world.clock.advance(5_000);
  await closing;
  expect(await ledger.readMeta('replica_name/one')).toBeUndefined();
  // What waits for the pipe goes on, so that the test's own process can end.
  await using pipe = await open(path('heads'), 'r+');
  expect((await pipe.read(Buffer.alloc(100))).bytesRead).toBe(100);
});

it('what a broker could not write before it went for good is written by another one', async () => {
  await using world = await openWorld();
  const { path, ledger } = world;
  const gone = await world.start('gone');
  await rename(path('gone'), path('gone-elsewhere'));
  expect(await gone.recordAnyway({ action: 'revoke', outcome: 'ok', session: 's1' })).toBe(false);
  await gone[Symbol.asyncDispose]();
  expect(await ledger.listMeta('audit_owes/')).toHaveLength(1);

  const other = await world.start('other');
  const records = (await readFile(path('other'), 'utf8')).trim().split('\n');
  expect(records.map((line): unknown => JSON.parse(line)).at(-1)).toMatchObject({
    action: 'revoke',
    session: 's1',
    replica: 'gone',
    happenedAt: expect.any(String) as unknown,
  });
  await other[Symbol.asyncDispose]();
  expect(await ledger.listMeta('audit_owes/')).toEqual([]);
  expect(await ledger.listMeta('replica_name/')).toEqual([]);
});

it('a broker that has lost its name leaves what the ledger keeps for it as it is', async () => {
  await using world = await openWorld();
  const { path, ledger, clock } = world;
  const loser = await world.start('one');
  await rename(path('one'), path('one-elsewhere'));
  await loser.recordAnyway({ action: 'revoke', outcome: 'ok', session: 's1' });
  const taken = JSON.stringify({ life: 'lif_next', host: 'h', pid: 1, beat: 0 });
  await ledger.writeMeta('replica_name/one', taken);
  await ledger.writeMeta('audit_head/one', 'of the next');
  const [debt] = await ledger.listMeta('audit_owes/');
  clock.advance(5_000);
  await waitForAbort(loser.nameLost);
  await loser.recordAnyway({ action: 'revoke', outcome: 'ok', session: 's2' });
  await loser[Symbol.asyncDispose]();
  expect(await ledger.readMeta('replica_name/one')).toBe(taken);
  expect(await ledger.readMeta('audit_head/one')).toBe('of the next');
  expect(debt?.value).toContain('"s1"');
  expect(await ledger.listMeta('audit_owes/')).toEqual([debt]);
});

function waitForAbort(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
