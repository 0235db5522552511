import { chmod, chown, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { applicationId, migrations } from '../../../../src/ledger/sqlite/schema.ts';
import { openSqliteLedger } from '../../../../src/ledger/sqlite/sqlite-ledger.ts';
import { LeaseholdError } from '../../../../src/platform/error.ts';
import { silentLog } from '../../../../src/platform/log.ts';
import { aSession, aStaticSession } from '../../../contract/ledger/ledger-world.ts';
import { aRunIdentity } from '../../../contract/ledger/runs-contract.ts';
import { createTempFolder, type TempFolder } from '../../../support/temp-folder.ts';

describe('openSqliteLedger', () => {
  let folder: TempFolder;
  let file: string;
  beforeEach(async () => {
    folder = await createTempFolder({ name: 'ledger' });
    file = join(folder.path, 'ledger.sqlite');
  });
  afterEach(() => folder.remove());

  const open = () => openSqliteLedger({ file, log: silentLog });
  const refusal = async (): Promise<{ code: string; detail: string | undefined }> => {
    const outcome = await open().then(
      () => 'opened',
      (error: unknown) => error,
    );
    if (!(outcome instanceof LeaseholdError)) throw new Error('the file was not refused');
    return { code: outcome.code, detail: outcome.detail };
  };
  const unusable = (detail: string) => ({ code: 'ledger_unusable', detail });
  /** A ledger that was used and closed. */
  const used = async () => {
    const ledger = await open();
    await ledger.beginSession(aSession());
    await ledger[Symbol.asyncDispose]();
  };
  const edit = (sql: string) => {
    const database = new DatabaseSync(file);
    database.exec(sql);
    database.close();
  };

  it('refuses a folder that is missing, or in which anybody may swap the file', async () => {
    file = join(folder.path, 'none', 'ledger.sqlite');
    expect(await refusal()).toEqual(unusable('its folder does not exist or is not a folder'));
    await mkdir(join(folder.path, 'none'));
    await chmod(join(folder.path, 'none'), 0o777);
    expect(await refusal()).toEqual(unusable('its folder is writable by everybody'));
  });

  it('refuses a link, a folder and a file that others may read', async () => {
    await symlink(join(folder.path, 'elsewhere'), file);
    expect(await refusal()).toEqual(unusable('the file is not a regular file'));
    file = join(folder.path, 'second');
    await mkdir(file);
    expect(await refusal()).toEqual(unusable('the file is not a regular file'));
    file = join(folder.path, 'third');
    await writeFile(file, '', { mode: 0o640 });
    expect(await refusal()).toEqual(unusable('the file is open to others (mode must be 0600)'));
  });

  it('refuses a link where SQLite would write beside the file', async () => {
    await symlink(join(folder.path, 'elsewhere'), `${file}-wal`);
    expect(await refusal()).toEqual(unusable('the file with suffix -wal is not a regular file'));
  });

  it.skipIf(process.getuid?.() !== 0)('refuses a file of another owner', async () => {
    await used();
    await chown(file, 65534, 65534);
    expect(await refusal()).toEqual(unusable('the file has another owner'));
  });

  it('refuses what is no database, and leaves it as it is', async () => {
    const text = 'not a database, and longer than the hundred bytes of a header '.repeat(20);
    await writeFile(file, text, { mode: 0o600 });
    expect(await refusal()).toMatchObject({ code: 'ledger_unusable' });
    expect(await readFile(file, 'utf8')).toBe(text);
  });

  it('refuses a database of another program, and leaves it as it is', async () => {
    edit('CREATE TABLE mine (a)');
    await chmod(file, 0o600);
    const before = await readFile(file);
    expect(await refusal()).toEqual(unusable('the file is a database of another program'));
    expect(await readFile(file)).toEqual(before);
  });

  it('refuses a file of a newer version, and leaves it as it is', async () => {
    await used();
    edit('PRAGMA user_version = 999');
    const before = await readFile(file);
    expect(await refusal()).toEqual(unusable('the file was written by a newer version of Leasehold'));
    expect(await readFile(file)).toEqual(before);
  });

  it('refuses a damaged file', async () => {
    await used();
    const bytes = await readFile(file);
    bytes.fill(0x5a, 4096 * 3, 4096 * 6);
    await writeFile(file, bytes);
    expect(await refusal()).toMatchObject({ code: 'ledger_unusable' });
  });

  it('refuses a second broker while the first one lives, and lets it in afterwards', async () => {
    const first = await open();
    expect(await refusal()).toEqual(unusable('another process has the file open'));
    await first[Symbol.asyncDispose]();
    await (await open())[Symbol.asyncDispose]();
  });

  it('makes the file and what SQLite puts beside it for its owner alone', async () => {
    const ledger = await open();
    await ledger.writeMeta('k', 'v');
    for (const path of [file, `${file}-wal`]) expect((await stat(path)).mode & 0o777).toBe(0o600);
    await ledger[Symbol.asyncDispose]();
  });

  it('refuses rows that were edited into something that cannot be', async () => {
    for (const [bundle, sql] of [
      ['one', `UPDATE session SET identity = '{"kind":"pod"}' WHERE bundle = 'one'`],
      [
        'two',
        `UPDATE session SET end_reason = 'bored', end_note = '', end_by = '', state = 'revoking' WHERE bundle = 'two'`,
      ],
    ] as const) {
      const ledger = await open();
      const { session } = await ledger.beginSession(aStaticSession({ bundle }));
      await ledger[Symbol.asyncDispose]();
      edit(sql);
      const again = await open();
      await expect(again.findSession(session.id)).rejects.toMatchObject({ code: 'ledger_unusable' });
      await again[Symbol.asyncDispose]();
    }
  });

  it('loads runs that an earlier version has registered, which knew of no SLUID', async () => {
    const before = migrations.findIndex((step) => step.includes('ADD COLUMN sluid'));
    const { workload, ...identity } = aRunIdentity();
    for (const step of migrations.slice(0, before)) edit(step);
    edit(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${before};
      INSERT INTO run (workload, cluster, job_id, start, identity, restarts, bundles, state, registered_at)
      VALUES ('${workload}', 'hpc', 12, 1800000000, '${JSON.stringify({ workload, ...identity })}', 2, '["db"]', 'active', 5)`);
    await chmod(file, 0o600);
    const ledger = await open();
    const known = { identity: { workload, ...identity }, restarts: 2, sluid: undefined, state: 'active' };
    expect(await ledger.findRun(workload)).toMatchObject(known);
    // Its hook runs again, with a signer that says it.
    const again = { identity: aRunIdentity(), restarts: 2, sluid: 's1', endsAt: undefined, bundles: ['db'] };
    expect(await ledger.registerRun({ run: again, at: 6 })).toMatchObject({
      outcome: 'existing',
      run: known,
    });
    await ledger[Symbol.asyncDispose]();
  });

  it('refuses calls after it was closed, and does those that came before', async () => {
    const ledger = await open();
    const before = Promise.all([ledger.writeMeta('a', '1'), ledger.writeMeta('b', '2')]);
    await ledger[Symbol.asyncDispose]();
    await before;
    await expect(ledger.readMeta('a')).rejects.toMatchObject({ code: 'ledger_unavailable' });
    const again = await open();
    expect(await again.readMeta('b')).toBe('2');
    await again[Symbol.asyncDispose]();
  });

  it('releases the claims of an earlier life', async () => {
    const claim = { owner: 'me', now: 10, claimUntil: 1_000_000, limit: 5 };
    const ledger = await open();
    await ledger.putWork([{ kind: 'renew', subject: 'a', dueAt: 5 }]);
    const [work] = await ledger.claimWork(claim);
    await ledger[Symbol.asyncDispose]();
    const again = await open();
    expect(await again.claimWork(claim)).toHaveLength(1);
    if (work !== undefined) await again.finishWork({ work });
    expect(await again.nextWorkAt()).toBe(1_000_000);
    await again[Symbol.asyncDispose]();
  });
});
