import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { valueAt } from '../../support/json.ts';
import { createTempFolder } from '../../support/temp-folder.ts';
import { waitFor } from '../../support/parts/wait-until-ready.ts';
import { type DemoRun, documentedFacts, startDemo } from '../../support/demo-run.ts';
import { runLeasehold } from '../../cli/run-leasehold.ts';

const deadlineMs = 300_000;

const environmentOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    // Ended meanwhile.
    return '';
  }
};

const expectNothingLeft = async (run: DemoRun): Promise<void> => {
  await waitFor('every process of the demo to end', async () => run.children().length === 0);
  expect(run.folder()).toMatch(/leasehold-demo-/);
  expect(existsSync(run.folder() ?? '/')).toBe(false);
};

describe('leasehold demo', () => {
  it.each([
    ['--output', 'yaml'],
    ['--output'],
    ['--backend', 'consul'],
    ['--slurm=yes'],
    ['--slurm', '--backend', 'memory'],
    ['-x'],
  ])('refuses %s %s and says how it is used', async (...args: readonly string[]) => {
    const ran = await runLeasehold(['demo', ...args]);
    expect([ran.status, ran.stdout]).toEqual([2, '']);
    expect(ran.stderr).toMatch(/^Usage: leasehold demo /);
  });

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
      const values = run.deliveredValues();
      expect(run.children().length).toBeGreaterThanOrEqual(2);
      // Polled: between fork and exec a child still shows what its parent was started with.
      await waitFor('environments without what the person has set', async () =>
        run.children().every((pid) => !/VAULT_|LEASEHOLD_|GRPC_/.test(environmentOf(pid))),
      );

      expect([await run.ended(), run.stderr()]).toEqual([0, '']);
      const lines = run.lines().map((line): unknown => JSON.parse(line));
      const documented = documentedFacts({ steps: ['backend', 'failed'], keys: ['roles'] });
      expect([...run.facts()]).toEqual([...documented]);
      expect(lines.at(-1)).toMatchObject({ step: 'done', ok: true });
      expect(lines.find((line) => valueAt(line, 'step') === 'wiped')).toEqual({ step: 'wiped', files: [] });
      expect(values.filter((value) => run.lines().join('\n').includes(value))).toEqual([]);
      await expectNothingLeft(run);
    },
    deadlineMs,
  );

  it('says what is missing for a real backend and how to get it, and starts nothing', async () => {
    await using empty = await createTempFolder({ name: 'no-tools' });
    const env = { PATH: empty.path, LEASEHOLD_CACHE: empty.path };
    await using run = startDemo(['--backend', 'vault', '--output', 'json'], env);
    expect([await run.ended(), run.stderr(), run.children()]).toEqual([1, '', []]);
    expect(run.lines()).toHaveLength(1);
    expect(JSON.parse(run.lines()[0] ?? '')).toEqual({
      step: 'failed',
      ok: false,
      reason: expect.stringMatching(
        /neither vault nor bao is on PATH.*"npm run tools -- --only bao" fetches one/,
      ) as string,
    });
  });

  it('says all that is missing for a job, and starts nothing', async () => {
    await using empty = await createTempFolder({ name: 'no-tools' });
    await using run = startDemo(['--slurm', '--output', 'json'], {
      PATH: empty.path,
      LEASEHOLD_CACHE: empty.path,
    });
    expect([await run.ended(), run.stderr(), run.children()]).toEqual([1, '', []]);
    expect(run.lines().map((line): unknown => JSON.parse(line))).toEqual([
      {
        step: 'failed',
        ok: false,
        reason: expect.stringMatching(/neither vault nor bao is on PATH/) as string,
      },
    ]);
  });

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
    for (const expected of [
      '--slurm',
      '--backend <BACKEND>',
      '"vault"',
      '--output <FORMAT>',
      '"json"',
      'Examples:',
      '$ leasehold demo',
    ])
      expect(stdout).toContain(expected);
  });
});
