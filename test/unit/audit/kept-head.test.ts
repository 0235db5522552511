import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { openKeptHead } from '../../../src/audit/kept-head.ts';
import { openAudit } from '../../../src/audit/open-audit.ts';
import { openSqliteLedger } from '../../../src/ledger/sqlite/sqlite-ledger.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { Secret } from '../../../src/platform/secret.ts';
import { createTempFolder } from '../../support/temp-folder.ts';

const claim = { lost: new AbortController().signal, isHeld: async () => true };

describe('the head that the ledger keeps', () => {
  it('shows an end of the log that was cut off while nothing ran', async () => {
    await using folder = await createTempFolder({ name: 'audit' });
    const file = join(folder.path, 'audit.jsonl');
    const run = async () => {
      await using ledger = await openSqliteLedger({ file: join(folder.path, 'ledger'), log: silentLog });
      const head = await openKeptHead({ ledger, replica: 'one', claim, log: silentLog });
      await using audit = await openAudit({
        file,
        hmacKey: Secret.ofText('0123456789abcdef'),
        maxWaitMs: 5_000,
        clock: systemClock,
        log: silentLog,
        onHead: (newest) => head.keep(newest),
        ...(head.found === undefined ? {} : { expectedHead: head.found }),
      });
      await audit.record({ action: 'open', outcome: 'ok' });
    };
    await run();
    await run();
    const lines = (await readFile(file, 'utf8')).split('\n');
    expect(lines.filter((line) => line.includes('failed'))).toEqual([]);
    await writeFile(file, `${lines.slice(0, 4).join('\n')}\n`);
    await run();
    expect((await readFile(file, 'utf8')).split('\n')[4]).toContain('the log lacks record 6');
  });

  it('is nothing when what is kept is no head', async () => {
    await using folder = await createTempFolder({ name: 'audit' });
    await using ledger = await openSqliteLedger({ file: join(folder.path, 'ledger'), log: silentLog });
    const found = async () => (await openKeptHead({ ledger, replica: 'one', claim, log: silentLog })).found;
    expect(await found()).toBeUndefined();
    for (const kept of ['', '{}', '{"chain":"a","seq":0,"hash":"x"}']) {
      await ledger.writeMeta('audit_head/one', kept);
      expect(await found()).toBeUndefined();
    }
  });

  it('is not written over by a broker that has lost its name, and that may not know it yet', async () => {
    await using folder = await createTempFolder({ name: 'audit' });
    await using ledger = await openSqliteLedger({ file: join(folder.path, 'ledger'), log: silentLog });
    const lost = new AbortController();
    const loser = await openKeptHead({
      ledger,
      replica: 'one',
      claim: { lost: lost.signal, isHeld: async () => false },
      log: silentLog,
    });
    const holder = await openKeptHead({ ledger, replica: 'one', claim, log: silentLog });
    const at = (seq: number) => ({ chain: 'c', seq, hash: 'a'.repeat(64) });
    holder.keep(at(2));
    const kept = async () => (await openKeptHead({ ledger, replica: 'one', claim, log: silentLog })).found;
    await vi.waitUntil(async () => (await kept())?.seq === 2);
    loser.keep(at(1));
    // In the order of its calls: what the loser has begun is over.
    await ledger.writeMeta('x', 'y');
    await ledger.writeMeta('x', 'y');
    expect(await kept()).toEqual(at(2));
    lost.abort();
    loser.keep(at(1));
    await ledger.writeMeta('x', 'y');
    expect(await kept()).toEqual(at(2));
    // The holder goes on also where the answer to one of its writes was lost.
    await ledger.writeMeta('audit_head/one', '');
    holder.keep(at(3));
    await vi.waitUntil(async () => (await kept())?.seq === 3);
  });
});
