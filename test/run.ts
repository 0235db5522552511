/**
 * The test command. Finds or builds the programs that the real suites start, runs both vitest projects, and ends with
 * one line of counts. Arguments go to vitest; `--project fast` builds nothing.
 */
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endChildren, runNode } from './support/run/child.ts';
import type { Outcome } from './support/run/report.ts';
import { addOutcomes, nothingRun, readOutcome, summaryLine } from './support/run/report.ts';
import { createTempFolder } from './support/temp-folder.ts';
import { toolDefinitions } from './support/tools/definitions.ts';
import { findTool } from './support/tools/find-tool.ts';

const PROJECTS = ['fast', 'real'] as const;
type Project = (typeof PROJECTS)[number];

const BUILD_DEADLINE_MS = 60 * 60_000;
const TEST_DEADLINE_MS = 55 * 60_000;

const root = fileURLToPath(new URL('..', import.meta.url));
const toolsProgram = join(root, 'test/support/tools/main.ts');
const vitestProgram = join(root, 'node_modules/vitest/vitest.mjs');

const say = (text: string) => void process.stderr.write(`${text}\n`);

/** Takes `--project NAME` out of the arguments; what is left goes to vitest as it is. */
const splitArguments = (args: readonly string[]): { projects: readonly Project[]; rest: string[] } => {
  const rest: string[] = [];
  const named = new Set<string>();
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index] ?? '';
    if (arg === '--project') named.add(args[(index += 1)] ?? '');
    else if (arg.startsWith('--project=')) named.add(arg.slice('--project='.length));
    else rest.push(arg);
  }
  const projects = named.size === 0 ? PROJECTS : PROJECTS.filter((project) => named.has(project));
  if (named.size > 0 && projects.length < named.size) throw new Error(`projects: ${PROJECTS.join(', ')}`);
  return { projects, rest };
};

/** Builds or fetches what is missing; never fails the run by itself, since suites without their parts say so. */
const provideTools = async (): Promise<void> => {
  const missing = toolDefinitions.filter((tool) => 'missing' in findTool(tool.name)).map((tool) => tool.name);
  if (missing.length === 0) return;
  say(`making ${missing.join(', ')}; suites that need none of them run meanwhile`);
  const status = await runNode({
    args: [toolsProgram, '--only', missing.join(',')],
    toStderr: true,
    inBackground: true,
    deadlineMs: BUILD_DEADLINE_MS,
  });
  if (status !== 0) say(`\nMISSING PARTS: of ${missing.join(', ')}; which, and why, is above\n`);
};

const runProject = async (project: Project, rest: readonly string[], folder: string): Promise<Outcome> => {
  const report = join(folder, `${project}.json`);
  const status = await runNode({
    args: [vitestProgram, 'run', '--root', root, '--project', project]
      .concat(['--reporter=default', '--reporter=json', `--outputFile.json=${report}`, '--passWithNoTests'])
      .concat(rest),
    // Whatever a killed test leaves in its temporary folder goes with ours.
    env: { TMPDIR: folder },
    deadlineMs: TEST_DEADLINE_MS,
  });
  const outcome = await readOutcome(report, status);
  const ran = outcome.passed + outcome.failed + outcome.skipped > 0;
  if (ran || rest.length > 0) return outcome;
  say(`\nFAILED: the project "${project}" has no tests\n`);
  return { ...nothingRun, failed: 1 };
};

const run = async (args: readonly string[], folder: string): Promise<Outcome> => {
  const { projects, rest } = splitArguments(args);
  const provided = projects.includes('real') ? provideTools() : Promise.resolve();
  const outcomes: Outcome[] = [];
  for (const project of projects) {
    if (project === 'real') await provided;
    outcomes.push(await runProject(project, rest, folder));
  }
  const total = addOutcomes(outcomes);
  if (total.passed + total.failed + total.skipped > 0) return total;
  say('\nFAILED: no test matches\n');
  return { ...total, failed: 1 };
};

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    endChildren();
    process.exit(130);
  });
}

const folder = await createTempFolder({ name: 'run' });
let outcome = { ...nothingRun, failed: 1 };
try {
  // PostgreSQL runs as another user and must be able to pass through to its own folder.
  await chmod(folder.path, 0o711);
  outcome = await run(process.argv.slice(2), folder.path);
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
} finally {
  await folder.remove();
}
for (const suite of outcome.lackingParts) say(`SKIPPED: ${suite}`);
console.log(summaryLine(outcome));
process.exitCode = outcome.failed === 0 ? 0 : 1;
