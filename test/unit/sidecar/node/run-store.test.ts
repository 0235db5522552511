import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { RunRecord } from '../../../../sidecar/node/run-record.ts';
import { openRunStore } from '../../../../sidecar/node/run-store.ts';
import { createTempFolder } from '../../../support/temp-folder.ts';

const record: RunRecord = {
  job: 7,
  uid: 5,
  gid: 5,
  workload: 'run/hpc/7/1700000000',
  start: 1_700_000_000,
  seenStart: undefined,
  restarts: 0,
  sluid: undefined,
  het: undefined,
  bundles: [],
  owed: undefined,
};
const nothing = { state: 'nothing', run: undefined, uid: 0, restarts: 0 } as const;
const run = { workload: record.workload, start: record.start, folder: '/x' };

const rootAt = (root: string) => ({ root, target: join(root, 'runs'), view: join(root, 'runs') });

it('a restart keeps the markers of jobs that were let in with nothing, and of runs on record, and no other', async () => {
  await using folder = await createTempFolder({ name: 'run-store' });
  await mkdir(join(folder.path, 'runs'));
  const store = await openRunStore(rootAt(folder.path));
  await store.mark({ job: 1, het: undefined }, nothing);
  await store.mark({ job: 2, het: 1 }, { ...nothing, uid: 5 });
  await store.mark({ job: 3, het: undefined }, { ...nothing, run });
  await store.mark({ job: 4, het: undefined }, { ...nothing, state: 'delivered', run });
  await store.mark({ job: 5, het: undefined }, { ...nothing, state: 'failed', why: 'x' });
  await store.mark(record, { ...nothing, run });
  await store.save(record);
  const jobs = join(folder.path, 'jobs');
  await mkdir(join(jobs, '8'));
  await writeFile(join(jobs, '9'), `leasehold=1\nstate=nothing\n${'\n'.repeat(70_000)}`);
  await writeFile(join(jobs, '.unfinished'), 'leasehold=1\nstate=no');
  await symlink(join(jobs, '1'), join(jobs, '10'));
  const before = await readFile(join(jobs, '1'), 'utf8');
  expect(await (await openRunStore(rootAt(folder.path))).recover()).toEqual([record]);
  expect((await readdir(jobs)).sort()).toEqual(['1', '1.het', '2', '7']);
  expect(await readFile(join(jobs, '1'), 'utf8')).toBe(before);
});
