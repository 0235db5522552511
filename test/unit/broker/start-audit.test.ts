import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startAudit } from '../../../src/broker/start-audit.ts';
import { openSqliteLedger } from '../../../src/ledger/sqlite/sqlite-ledger.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { createMetrics } from '../../../src/platform/metrics.ts';
import { createTempFolder } from '../../support/temp-folder.ts';
import { createManualClock } from '../backend/manual-clock.ts';

it('an audit log whose folder hangs is not waited for when the broker goes down, and its name is let go', async () => {
  await using folder = await createTempFolder({ name: 'audit' });
  const path = (name: string) => join(folder.path, name);
  await writeFile(path('hmac'), 'x'.repeat(32));
  const { privateKey } = generateKeyPairSync('ed25519');
  await writeFile(path('key'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  // Opening a pipe that nobody reads waits as a folder does whose server is away.
  execFileSync('mkfifo', [path('heads')]);
  await using ledger = await openSqliteLedger({ file: path('ledger'), log: silentLog });
  await using metrics = createMetrics();
  const clock = createManualClock();
  const audit = await startAudit({
    config: {
      sink: { kind: 'file', file: path('audit'), rotate: { maxBytes: 1_000_000, maxAgeMs: 0 } },
      hmacKeyFile: path('hmac'),
      maxWaitMs: 1_000,
      signing: { keyFile: path('key'), everyRecords: 1, everyMinutes: 60, headsFile: path('heads') },
    },
    replica: 'one',
    ledger,
    metrics,
    clock,
    log: silentLog,
    signal: new AbortController().signal,
  });
  let isClosed = false;
  const closing = audit[Symbol.asyncDispose]().then(() => (isClosed = true));
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(isClosed).toBe(false);
  expect(await ledger.readMeta('replica_name/one')).toBeDefined();
  clock.advance(5_000);
  await closing;
  expect(await ledger.readMeta('replica_name/one')).toBeUndefined();
  // What waits for the pipe goes on, so that the test's own process can end.
  await using pipe = await open(path('heads'), 'r+');
  expect((await pipe.read(Buffer.alloc(100))).bytesRead).toBe(100);
});
