import { chown, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { aStaticSession } from '../../contract/ledger/ledger-world.ts';
import { postgresUser } from '../../support/parts/postgres-programs.ts';
import { describeWith } from '../../support/require.ts';
import { mountSmallDisk } from '../../support/small-disk.ts';
import { startPostgresWorld } from './postgres-world.ts';

describeWith(['postgres'], 'a PostgreSQL on a full disk', () => {
  it('is named, loses nothing, and is used again when there is room', async (context) => {
    await using disk = await mountSmallDisk(28_672);
    const user = postgresUser();
    if (disk === undefined || user === undefined) return context.skip('no small disk can be mounted here');
    const folder = join(disk.path, 'tablespace');
    await mkdir(folder, { mode: 0o700 });
    for (const path of [disk.path, folder]) await chown(path, user.uid, user.gid);
    const ballast = join(disk.path, 'ballast');
    await writeFile(ballast, Buffer.alloc(4_194_304));
    await using world = await startPostgresWorld();
    await world.server.query(`CREATE TABLESPACE small LOCATION '${folder}'`);
    await world.server.query('CREATE DATABASE small TABLESPACE small');
    await using ledger = await world.open(world.config({ database: 'small' }));
    const { session } = await ledger.beginSession(aStaticSession());
    const fill = async () => {
      for (let index = 0; index < 1_000; index += 1) {
        const noise = Buffer.from(crypto.getRandomValues(new Uint8Array(60_000))).toString('hex');
        await ledger.writeMeta(`filler-${index}`, noise);
      }
    };
    await expect(fill()).rejects.toMatchObject({
      code: 'ledger_unavailable',
      detail: 'write meta: the disk of the database is full: make room (SQLSTATE 53100)',
    });
    expect((await ledger.findSession(session.id))?.state).toBe('active');
    await rm(ballast);
    expect((await ledger.beginSession(aStaticSession({ bundle: 'next' }))).outcome).toBe('created');
    expect((await ledger.count()).sessions.active).toBe(2);
    return undefined;
  });
});
