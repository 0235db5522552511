import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, chmod, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasCode } from '../../../src/platform/error.ts';
import { openKeptRuns } from '../../../src/slurm/kept-runs.ts';
import { createTempFolder, type TempFolder } from '../../support/temp-folder.ts';

let folder: TempFolder;
let path: string;

beforeEach(async () => {
  folder = await createTempFolder({ name: 'kept-runs' });
  path = join(folder.path, 'runs');
});
afterEach(() => folder[Symbol.asyncDispose]());

const lines = async () => (await readFile(path, 'utf8')).split('\n').length - 1;

describe('registered runs that are kept', () => {
  it.each(['nonsense\n', '7 x\n', '1 2 3\n', '-1 2\n', '1 2\n\n', '{"1":2}\n'])(
    'are refused where the journal says %j',
    async (text) => {
      await writeFile(path, text);
      const refused = await openKeptRuns(path).catch((error: unknown) => error);
      expect(hasCode(refused, 'config_invalid')).toBe(true);
      expect(await readFile(path, 'utf8')).toBe(text);
    },
  );

  it('are refused where the journal cannot be read', async () => {
    await mkdir(path);
    const refused = await openKeptRuns(path).catch((error: unknown) => error);
    expect(hasCode(refused, 'config_invalid')).toBe(true);
  });

  it('are there again, but for those that have ended', async () => {
    const first = await openKeptRuns(path);
    await Promise.all([first.set(7, 100), first.set(8, 100), first.set(7, 200)]);
    await first.delete([8, 9]);
    expect(first.get(7)).toBe(200);
    const second = await openKeptRuns(path);
    expect(second.entries()).toEqual([[7, 200]]);
    expect(((await stat(path)).mode & 0o777).toString(8)).toBe('600');
  });

  it('lose a line that was cut, and only that one', async () => {
    const first = await openKeptRuns(path);
    await first.set(7, 100);
    await appendFile(path, '8 10');
    const second = await openKeptRuns(path);
    expect(second.entries()).toEqual([[7, 100]]);
    await second.set(9, 300);
    expect((await openKeptRuns(path)).entries()).toEqual([
      [7, 100],
      [9, 300],
    ]);
  });

  it('are tried again with the next change where the disk did not take one', async () => {
    const runs = await openKeptRuns(path);
    await runs.set(7, 100);
    await chmod(folder.path, 0o700);
    await rm(path);
    await mkdir(path);
    const failed = await runs.set(8, 100).catch((error: unknown) => error);
    expect(hasCode(failed, 'internal')).toBe(true);
    await rm(path, { recursive: true });
    await runs.set(9, 100);
    expect((await openKeptRuns(path)).entries().map(([jobId]) => jobId)).toEqual([7, 8, 9]);
  });

  it('do not fill the disk with those that were', async () => {
    const runs = await openKeptRuns(path);
    for (let batch = 0; batch < 30; batch += 1) {
      const jobs = Array.from({ length: 100 }, (_, index) => batch * 100 + index);
      await Promise.all(jobs.map((jobId) => runs.set(jobId, 1)));
      await runs.delete(jobs.slice(1));
    }
    expect(runs.entries()).toHaveLength(30);
    expect(await lines()).toBeLessThan(1_300);
    expect((await openKeptRuns(path)).entries()).toEqual(runs.entries());
  });

  it('lose nothing that was acknowledged, however often the signer is killed', async () => {
    const said = new Map<number, number>();
    let next = 0;
    for (const least of [3, 400, 1_500]) {
      for (const [jobId, start] of await runAndKill(least, next)) said.set(jobId, start);
      next = Math.max(...said.keys()) + 8;
    }
    const runs = await openKeptRuns(path);
    expect(said.size).toBeGreaterThan(1_900);
    for (const [jobId, start] of said) expect([jobId, runs.get(jobId) ?? 0]).toEqual([jobId, start]);
  });
});

/** Runs the program until it has said that much, kills it in the middle of the next, and gives what it said. */
async function runAndKill(least: number, from: number): Promise<readonly (readonly [number, number])[]> {
  const program = join(import.meta.dirname, 'keep-forever.ts');
  const child = spawn(process.execPath, [program, path, String(from)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    if (text.split('\n').length > least) child.kill('SIGKILL');
  });
  await once(child, 'close');
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split(' ').map(Number) as [number, number]);
}
