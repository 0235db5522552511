import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { keepHeadIn, readKeptHead } from '../../../src/audit/kept-head.ts';
import { openAudit } from '../../../src/audit/open-audit.ts';
import { openSqliteLedger } from '../../../src/ledger/sqlite/sqlite-ledger.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { Secret } from '../../../src/platform/secret.ts';
import { createTempFolder } from '../../support/temp-folder.ts';

describe('the head that the ledger keeps', () => {
  it('shows an end of the log that was cut off while nothing ran', async () => {
    await using folder = await createTempFolder({ name: 'audit' });
    const file = join(folder.path, 'audit.jsonl');
    const run = async () => {
      await using ledger = await openSqliteLedger({ file: join(folder.path, 'ledger'), log: silentLog });
      const expectedHead = await readKeptHead(ledger, 'one');
      await using audit = await openAudit({
        file,
        hmacKey: Secret.ofText('0123456789abcdef'),
        maxWaitMs: 5_000,
        clock: systemClock,
        log: silentLog,
        onHead: keepHeadIn(ledger, 'one', silentLog),
        ...(expectedHead === undefined ? {} : { expectedHead }),
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
    expect(await readKeptHead(ledger, 'one')).toBeUndefined();
    for (const kept of ['', '{}', '{"chain":"a","seq":0,"hash":"x"}']) {
      await ledger.writeMeta('audit_head', kept);
      expect(await readKeptHead(ledger, 'one')).toBeUndefined();
    }
  });
});
