import { readFile, rename, truncate, writeFile } from 'node:fs/promises';
import { describe, expect, it, vi } from 'vitest';
import { filesOfLogs } from '../../../src/audit/file-set.ts';
import { findRestored } from '../../../src/broker/restored-ledger.ts';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import { type Log, silentLog } from '../../../src/platform/log.ts';
import type { Holder } from '../lease/world.ts';
import { createRestoredSite, type RestoredSite } from './restored-site.ts';

/** Typed: what the matcher gives back has none. */
const matching = (pattern: RegExp): unknown => expect.stringMatching(pattern);
const admin = { by: 'admin:eve', dryRun: false } as const;

const applied = async (site: RestoredSite) =>
  (await site.records())
    .filter(({ action }) => action === 'restore_apply')
    .map(({ count, reason }) => [count, reason]);

const stateOf = async (site: RestoredSite, holder: Holder) =>
  (await site.world.ledger.findSession(holder.last('opened')?.session ?? ''))?.state;

describe("a broker that starts on yesterday's copy of its ledger", () => {
  it('refuses again what people have locked and revoked since, ends those sessions, and leaves the others alone', async () => {
    await using site = await createRestoredSite();
    const { world } = site;
    const [stolen, innocent] = [await site.take('u1'), await site.take('u2')];
    await site.take('u3');
    const copy = await site.copy();
    const { admin: people } = world.engine();
    await people.revoke({ selector: { podUid: 'u1' }, reason: 'stolen', ...admin });
    const { lock } = await people.addLock({ selector: { podUid: 'u3' }, reason: 'incident', ...admin });
    expect(await site.refusal('u3')).toBe('locked');

    await site.restore(copy);
    expect(await site.refusal('u1')).toBe('tombstoned');
    expect(await site.refusal('u3')).toBe('locked');
    expect(await world.ledger.listLocks()).toMatchObject([
      { id: lock.id, selector: { podUid: 'u3' }, reason: 'incident', by: 'admin:eve' },
    ]);
    expect(await world.ledger.listTombstones()).toMatchObject([
      { workload: 'pod/a/u1', bundle: 'db', reason: 'stolen', by: 'admin:eve' },
      { workload: 'pod/a/u3', bundle: 'db', reason: 'incident', by: 'admin:eve' },
    ]);
    // Its records are written in real time.
    await vi.waitFor(async () => {
      await world.pass(10_000);
      expect(await stateOf(site, stolen)).toBe('ended');
    });
    expect(await stateOf(site, innocent)).toBe('active');
    const { username, password } = innocent.login();
    expect(world.backend.canLogin(username, password)).toBe(true);
    expect(await applied(site)).toEqual([
      [
        5,
        expect.stringMatching(
          /^after record \d+: locks added 1, locks removed 0, tombstones added 2, tombstones lifted 0, sessions ended 2, runs ended 0$/,
        ),
      ],
    ]);
    expect(site.said).toContain('the ledger is older than the audit log, and is given back what it lacks');
    expect(site.said.filter((line) => line.endsWith('again'))).toHaveLength(5);

    const before = site.said.length;
    await site.restart();
    expect(await applied(site)).toHaveLength(1);
    expect(site.said.slice(before).filter((line) => line.endsWith('again'))).toEqual([]);
    expect(await site.refusal('u3')).toBe('locked');
  });

  it('does nothing after a crash, though the log is ahead of the head that was kept', async () => {
    await using site = await createRestoredSite();
    await site.take('u1');
    const { admin: people } = site.world.engine();
    await people.revoke({ selector: { podUid: 'u1' }, reason: 'stolen', ...admin });
    await people.addLock({ selector: { podUid: 'u3' }, reason: 'incident', ...admin });
    const crashed = await site.copy();
    const kept = await site.world.ledger.readMeta('audit_head/one');
    expect(JSON.parse(kept ?? '')).toMatchObject({ seq: 1 });
    await site.restore(crashed);
    expect(await applied(site)).toEqual([]);
    expect(await site.world.ledger.listTombstones()).toHaveLength(1);
    expect(await site.refusal('u3')).toBe('locked');
  });

  it('does not bring back a lock that was removed and a tombstone that was lifted again', async () => {
    await using site = await createRestoredSite();
    await site.take('u1');
    const copy = await site.copy();
    const { admin: people } = site.world.engine();
    const { lock } = await people.addLock({ selector: { podUid: 'u1' }, reason: 'incident', ...admin });
    await people.removeLock({ id: lock.id, reason: 'over', by: admin.by });
    await people.liftTombstone({ workload: 'pod/a/u1', bundle: 'db', reason: 'over', by: admin.by });
    await site.restore(copy);
    expect(await site.world.ledger.listLocks()).toEqual([]);
    expect(await site.world.ledger.listTombstones()).toEqual([]);
    expect(await applied(site)).toMatchObject([[1, expect.stringContaining('sessions ended 1')]]);
    expect(await site.refusal('u1')).toBeUndefined();
  });

  it('takes away the lock and the tombstone of the copy that people have taken away since', async () => {
    await using site = await createRestoredSite();
    await site.take('u1');
    const { admin: people } = site.world.engine();
    const { lock } = await people.addLock({ selector: { podUid: 'u1' }, reason: 'incident', ...admin });
    const copy = await site.copy();
    await people.removeLock({ id: lock.id, reason: 'over', by: admin.by });
    await people.liftTombstone({ workload: 'pod/a/u1', bundle: 'db', reason: 'over', by: admin.by });
    await site.restore(copy);
    expect(await applied(site)).toMatchObject([
      [2, expect.stringMatching(/locks removed 1, tombstones added 0, tombstones lifted 1/)],
    ]);
    expect(await site.refusal('u1')).toBeUndefined();
  });

  it('applies nothing from before the head that the copy keeps', async () => {
    await using site = await createRestoredSite();
    const { admin: people } = site.world.engine();
    await site.take('u1');
    const { lock } = await people.addLock({ selector: { podUid: 'u1' }, reason: 'incident', ...admin });
    await site.world.pass(20_000);
    // By hand, without a record: only the position in the log says that this is not what the log is to bring back.
    await site.world.ledger.removeLock(lock.id);
    const copy = await site.copy();
    await people.addLock({ selector: { podUid: 'u2' }, reason: 'other', ...admin });
    await site.restore(copy);
    expect(await site.world.ledger.listLocks()).toMatchObject([{ reason: 'other' }]);
  });

  it('has nothing to apply from a log that ends where the copy was taken, and says where the end is missing', async () => {
    await using site = await createRestoredSite();
    await site.world.pass(20_000);
    const copy = await site.copy();
    const { length } = await readFile(site.file);
    const { admin: people } = site.world.engine();
    await people.addLock({ selector: { podUid: 'u1' }, reason: 'incident', ...admin });
    await site.restore(copy, () => truncate(site.file, length));
    expect(await applied(site)).toEqual([]);
    expect(await site.refusal('u1')).toBeUndefined();
  });

  it('says what to do where the log was moved away', async () => {
    await using site = await createRestoredSite();
    const copy = await site.copy();
    await site.restore(copy, () => rename(site.file, `${site.file}.moved`));
    expect(site.said).toContain('the audit log that this ledger knows is not there');
    expect(await applied(site)).toEqual([]);
  });

  it('reads on through the files that the log has left behind, and does not start where one is not there', async () => {
    await using site = await createRestoredSite({ maxBytes: 1_000 });
    const copy = await site.copy();
    const { admin: people } = site.world.engine();
    await people.addLock({ selector: { podUid: 'u1' }, reason: 'incident', ...admin });
    for (let count = 0; count < 30; count += 1) await people.listLocks({ by: admin.by });
    const files = await filesOfLogs([site.file]);
    expect(files.length).toBeGreaterThan(3);
    const [, second = ''] = files;
    const refusal = await site
      .restore(copy, () => rename(second, `${second}.moved`))
      .catch((error: unknown) => error);
    expect(refusal).toMatchObject({
      code: 'audit_unavailable',
      detail: matching(/whose record \d+ is not there: put its rotated files back beside it/),
    });
    expect(await site.world.ledger.listLocks()).toEqual([]);

    await rename(`${second}.moved`, second);
    await site.restart();
    expect(await site.refusal('u1')).toBe('locked');
  });

  it('does not start on a log that was changed since', async () => {
    await using site = await createRestoredSite();
    const copy = await site.copy();
    const { admin: people } = site.world.engine();
    await people.addLock({ selector: { podUid: 'u1' }, reason: 'incident', ...admin });
    // Past what is verified at every start.
    for (let count = 0; count < 2_500; count += 1) await people.listLocks({ by: `admin:${'x'.repeat(400)}` });
    const refusal = await site
      .restore(copy, async () =>
        writeFile(site.file, (await readFile(site.file, 'utf8')).replace('incident', 'accident')),
      )
      .catch((error: unknown) => error);
    expect(refusal).toMatchObject({
      code: 'audit_unavailable',
      detail: matching(/whose record 3 does not follow from the one before: move all files/),
    });
    expect(await site.world.ledger.listLocks()).toEqual([]);
  });

  it('finds its place in the log under the name that it had before', async () => {
    await using site = await createRestoredSite();
    const { admin: people } = site.world.engine();
    const { lock } = await people.addLock({ selector: { podUid: 'u1' }, reason: 'incident', ...admin });
    await site.world.pass(20_000);
    // Without a record: whoever reads the log from its beginning brings it back.
    await site.world.ledger.removeLock(lock.id);
    await site.restart('two');
    await site.restart('three');
    expect(await applied(site)).toEqual([]);
    expect(await site.world.ledger.listLocks()).toEqual([]);
  });
});

describe('a broker whose log goes to standard output', () => {
  it('says that it cannot be read back, where an earlier life kept a head', async () => {
    const said: string[] = [];
    const log: Log = { ...silentLog, warn: (message) => void said.push(message) };
    const ledger = {} as Ledger;
    const facts = { ledger, sink: { kind: 'stdout' }, log } as const;
    const keep = () => undefined;
    await findRestored({ ...facts, head: { found: undefined, keep } });
    expect(said).toEqual([]);
    const found = { chain: 'aud_1', seq: 1, hash: '0'.repeat(64) };
    await findRestored({ ...facts, head: { found, keep } });
    expect(said).toEqual(['the audit log on standard output cannot be read back']);
  });
});
