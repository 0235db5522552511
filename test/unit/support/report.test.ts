import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { addOutcomes, countReport, nothingRun, readOutcome, summaryLine } from '../../support/run/report.ts';
import { createTempFolder } from '../../support/temp-folder.ts';

const file = (status: string, ...tests: readonly string[]) => ({
  name: 'a.test.ts',
  status,
  assertionResults: tests.map((test) => ({ status: test, ancestorTitles: ['a suite'] })),
});

describe('the counts of a run', () => {
  it('show a file that failed before it had tests as a failure', () => {
    const outcome = countReport({ testResults: [file('failed'), file('passed', 'passed')] });
    expect(outcome).toMatchObject({ passed: 1, failed: 1 });
  });

  it('show a file whose set-up failed as a failure, beside its skipped tests', () => {
    expect(countReport({ testResults: [file('failed', 'skipped')] })).toMatchObject({
      failed: 1,
      skipped: 1,
    });
  });

  it('show every test that did not run as skipped', () => {
    const outcome = countReport({ testResults: [file('passed', 'pending', 'todo', 'skipped', 'passed')] });
    expect(summaryLine(outcome)).toBe('1 passed, 0 failed, 3 skipped');
  });

  it('name each suite that lacks a part once', () => {
    const title = 'a suite [skipped: vault is missing]';
    const test = { status: 'skipped', ancestorTitles: [title] };
    const outcome = countReport({
      testResults: [{ name: 'a', status: 'passed', assertionResults: [test, test] }],
    });
    expect(outcome.lackingParts).toEqual([title]);
  });

  it('add up', () => {
    const one = { passed: 1, failed: 2, skipped: 3, lackingParts: ['a'] };
    expect(addOutcomes([one, one])).toEqual({ passed: 2, failed: 4, skipped: 6, lackingParts: ['a', 'a'] });
  });

  it('are a failure where the runner failed although no test did, or left no report', async () => {
    await using folder = await createTempFolder();
    const path = join(folder.path, 'report.json');
    expect(await readOutcome(path, 1)).toEqual({ ...nothingRun, failed: 1 });
    expect(await readOutcome(path, 0)).toEqual(nothingRun);
    await writeFile(path, JSON.stringify({ testResults: [file('passed', 'passed')] }));
    expect(await readOutcome(path, 1)).toMatchObject({ passed: 1, failed: 1 });
    await writeFile(path, '{"testResults":');
    expect(await readOutcome(path, 1)).toMatchObject({ failed: 1 });
  });
});
