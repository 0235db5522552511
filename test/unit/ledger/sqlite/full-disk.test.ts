import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openSqliteLedger } from '../../../../src/ledger/sqlite/sqlite-ledger.ts';
import { hasCode } from '../../../../src/platform/error.ts';
import { silentLog } from '../../../../src/platform/log.ts';
import { anActiveSession, aPod } from '../../../contract/ledger/ledger-world.ts';
import { mountSmallDisk } from '../../../support/small-disk.ts';

describe('a ledger on a full disk', () => {
  it('is refused when there is no room for it to begin', async ({ skip }) => {
    await using disk = await mountSmallDisk(64);
    if (disk === undefined) return skip('may not mount a file system');
    await writeFile(join(disk.path, 'filler'), Buffer.alloc(60 * 1024));
    const opening = openSqliteLedger({ file: join(disk.path, 'ledger.sqlite'), log: silentLog });
    await expect(opening).rejects.toMatchObject({ code: 'ledger_unavailable' });
  });

  it('refuses what it cannot keep, keeps what it has, and goes on when there is room', async ({ skip }) => {
    await using disk = await mountSmallDisk(2_048);
    if (disk === undefined) return skip('may not mount a file system');
    const file = join(disk.path, 'ledger.sqlite');
    const filler = join(disk.path, 'filler');
    await writeFile(filler, Buffer.alloc(1_400 * 1024));
    const kept: string[] = [];
    {
      await using ledger = await openSqliteLedger({ file, log: silentLog });
      const make = async (uid: string) => {
        kept.push((await anActiveSession(ledger, { identity: aPod(uid) })).session);
      };
      const fill = async () => {
        for (let round = 0; round < 2_000; round += 1) await make(`uid-${round}`);
      };
      await expect(fill()).rejects.toSatisfy((error) => hasCode(error, 'ledger_unavailable'));
      for (const id of kept) expect((await ledger.findSession(id))?.state).toBe('active');
      await rm(filler);
      await make('after');
    }
    await using again = await openSqliteLedger({ file, log: silentLog });
    for (const id of kept) expect((await again.findSession(id))?.state).toBe('active');
  });
});
