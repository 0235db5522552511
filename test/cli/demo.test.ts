import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { valueAt } from '../support/json.ts';
import { waitFor } from '../support/parts/wait-until-ready.ts';
import { type DemoRun, startDemo } from './demo-run.ts';
import { runLeasehold } from './run-leasehold.ts';

const deadlineMs = 90_000;
const manual = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'demo.md'), 'utf8');

/** Keys of each step, as the table of the manual has them. */
const documentedFacts = (): ReadonlyMap<string, readonly string[]> => {
  const facts = new Map<string, string[]>();
  let current: string[] = [];
  for (const [, step, key] of manual.matchAll(/^\| (?:`(\w+)`)? +\| `(\w+)` +\|/gm)) {
    if (step !== undefined) facts.set(step, (current = []));
    if (key !== undefined) current.push(key);
  }
  return facts;
};

/** The whole values that the pod holds now. */
const deliveredValues = (run: DemoRun): readonly string[] => {
  const folder = join(run.folder() ?? '', 'trainer-0', 'secrets', 'training');
  const account = readFileSync(join(folder, 'database.env'), 'utf8');
  const password = /^password='([^']+)'/im.exec(account)?.[1];
  if (password === undefined) throw new Error('no password in the files');
  return [password, readFileSync(join(folder, 'api-key'), 'utf8')];
};

const environmentOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    // Ended meanwhile.
    return '';
  }
};

const expectNothingLeft = async (run: DemoRun): Promise<void> => {
  await waitFor('every process of the demo to end', async () => run.children().length === 0, 10_000);
  expect(run.folder()).toMatch(/leasehold-demo-/);
  expect(existsSync(run.folder() ?? '/')).toBe(false);
};

describe('leasehold demo', () => {
  it.each([['--output', 'yaml'], ['--output'], ['--backend', 'memory', 'more'], ['-x']])(
    'refuses %s %s and says how it is used',
    async (...args) => {
      const ran = await runLeasehold(['demo', ...args]);
      expect([ran.status, ran.stdout]).toEqual([2, '']);
      expect(ran.stderr).toMatch(/^Usage: leasehold demo /);
    },
  );

  it(
    'prints each step as the manual says, shows no value, and leaves nothing',
    async () => {
      const hostile = {
        VAULT_ADDR: 'https://vault.example',
        LEASEHOLD_BROKER: 'other.example:1',
        GRPC_TRACE: 'all',
      };
      await using run = startDemo(['--output', 'json'], hostile);
      await run.reached('files');
      const values = deliveredValues(run);
      expect(run.children().length).toBeGreaterThanOrEqual(2);
      // Polled: between fork and exec a child still shows what its parent was started with.
      await waitFor('environments without what the person has set', async () =>
        run.children().every((pid) => !/VAULT_|LEASEHOLD_|GRPC_/.test(environmentOf(pid))),
      );

      expect([await run.ended(), run.stderr()]).toEqual([0, '']);
      const lines = run.lines().map((line): unknown => JSON.parse(line));
      const printed = new Map(
        lines.map((line) => {
          const { step, ...facts } = { step: '', ...(line as object) };
          return [step, Object.keys(facts)];
        }),
      );
      const documented = new Map(documentedFacts());
      documented.delete('failed');
      expect([...printed]).toEqual([...documented]);
      expect(lines.at(-1)).toMatchObject({ step: 'done', ok: true });
      expect(lines.find((line) => valueAt(line, 'step') === 'wiped')).toEqual({ step: 'wiped', files: [] });
      expect(values.filter((value) => run.lines().join('\n').includes(value))).toEqual([]);
      await expectNothingLeft(run);
    },
    deadlineMs,
  );

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'ends everything and removes its folder on %s in the middle, however often it comes',
    async (signal) => {
      await using run = startDemo(['--output', 'json']);
      await run.reached('files');
      run.kill(signal);
      run.kill(signal);
      expect(await run.ended()).toBe(1);
      expect(JSON.parse(run.lines().at(-1) ?? '')).toEqual({
        step: 'failed',
        ok: false,
        reason: 'interrupted',
      });
      await expectNothingLeft(run);
    },
    deadlineMs,
  );

  it('has help with every option and an example', async () => {
    const { status, stdout, stderr } = await runLeasehold(['demo', '--help']);
    expect([status, stderr]).toEqual([0, '']);
    for (const expected of ['--output <FORMAT>', '"json"', 'Examples:', '$ leasehold demo'])
      expect(stdout).toContain(expected);
  });
});
