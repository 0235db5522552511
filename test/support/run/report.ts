import { readFile } from 'node:fs/promises';
import { z } from 'zod';

/** What a run of tests came to. */
export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Titles of suites left out for want of a part, each with its reason. */
  readonly lackingParts: readonly string[];
}

export const nothingRun: Outcome = { passed: 0, failed: 0, skipped: 0, lackingParts: [] };

/** Marks a suite's title when a part is missing; `lackingParts` finds it again in the report. */
export const SKIP_MARK = '[skipped: ';

const reportShape = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      assertionResults: z.array(z.object({ status: z.string(), ancestorTitles: z.array(z.string()) })),
    }),
  ),
});

/**
 * Counts a report of vitest's JSON reporter. A file that failed before it had tests (it does not parse, its set-up
 * threw) counts as one failure: the report's own totals would not show it.
 */
export const countReport = (json: unknown): Outcome => {
  const files = reportShape.parse(json).testResults;
  const tests = files.flatMap((file) => file.assertionResults);
  const passed = tests.filter((test) => test.status === 'passed').length;
  const failedTests = tests.filter((test) => test.status === 'failed').length;
  const brokenFiles = files.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  ).length;
  const lacking = tests.flatMap((test) => test.ancestorTitles.filter((title) => title.includes(SKIP_MARK)));
  return {
    passed,
    failed: failedTests + brokenFiles,
    // Every other state (pending, skipped, todo, disabled) is a test that did not run.
    skipped: tests.length - passed - failedTests,
    lackingParts: [...new Set(lacking)],
  };
};

/** The outcome of one vitest process: its report, checked against how it ended. */
export const readOutcome = async (reportFile: string, exitStatus: number): Promise<Outcome> => {
  let outcome: Outcome;
  try {
    outcome = countReport(JSON.parse(await readFile(reportFile, 'utf8')));
  } catch {
    // Nothing to run leaves no report; anything else that leaves none is a failure.
    return exitStatus === 0 ? nothingRun : { ...nothingRun, failed: 1 };
  }
  // An error outside every test, such as an unhandled rejection, shows in the exit status alone.
  return exitStatus !== 0 && outcome.failed === 0 ? { ...outcome, failed: 1 } : outcome;
};

export const addOutcomes = (outcomes: readonly Outcome[]): Outcome =>
  outcomes.reduce(
    (sum, next) => ({
      passed: sum.passed + next.passed,
      failed: sum.failed + next.failed,
      skipped: sum.skipped + next.skipped,
      lackingParts: [...sum.lackingParts, ...next.lackingParts],
    }),
    nothingRun,
  );

/** The last line of every run. */
export const summaryLine = ({ passed, failed, skipped }: Outcome): string =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`;
