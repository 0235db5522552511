import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { valueAt } from './json.ts';

const root = join(import.meta.dirname, '..', '..');
const program = join(root, 'src', 'main.ts');

/** One run of the demo, in a process group of its own, so that everything it starts can be found. */
export interface DemoRun extends AsyncDisposable {
  /** The lines of its standard output so far. */
  lines(): readonly string[];
  stderr(): string;
  /** The folder that its processes were started with; undefined before the first. */
  folder(): string | undefined;
  /** Every process of the group but the demo itself. */
  children(): readonly number[];
  /** Of every line the keys by its step, in the order of both. */
  facts(): ReadonlyMap<string, readonly string[]>;
  /** The whole values that the pod holds now. */
  deliveredValues(): readonly string[];
  /** Resolves with the line of that step; rejects when the demo ends before. */
  reached(step: string): Promise<unknown>;
  kill(signal: NodeJS.Signals): void;
  /** Resolves with the exit status. */
  ended(): Promise<number | null>;
}

const commandLine = (pid: number): readonly string[] => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
};

const inGroup = (pid: number, group: number): boolean => {
  try {
    // After the name, which may hold anything: state, parent, group.
    const [, , parsed] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return Number(parsed) === group;
  } catch {
    return false;
  }
};

export const startDemo = (args: readonly string[], env: Readonly<Record<string, string>> = {}): DemoRun => {
  const child = spawn(process.execPath, [program, 'demo', ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const group = child.pid ?? -1;
  const exit = once(child, 'close').then(([status]: unknown[]) =>
    typeof status === 'number' ? status : null,
  );
  const changed = new EventTarget();
  let stdout = '';
  let stderr = '';
  let folder: string | undefined;
  const children = () =>
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => pid !== group && inGroup(pid, group));
  const lines = () => stdout.split('\n').slice(0, -1);
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    folder ??= children()
      .map((pid) => /\/[^"\s]*leasehold-demo-\w+/.exec(commandLine(pid).join(' '))?.[0])
      .find((found) => found !== undefined);
    changed.dispatchEvent(new Event('line'));
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return {
    lines,
    stderr: () => stderr,
    folder: () => folder,
    children,
    reached: async (step) => {
      for (;;) {
        const found = lines()
          .map((line): unknown => JSON.parse(line))
          .find((line) => valueAt(line, 'step') === step);
        if (found !== undefined) return found;
        const more = once(changed, 'line').then(() => 'line');
        if ((await Promise.race([more, exit])) !== 'line')
          throw new Error(`the demo ended before ${step}:\n${stdout}\n${stderr}`);
      }
    },
    facts: () =>
      new Map(
        lines().map((line) => {
          const { step, ...facts } = { step: '', ...(JSON.parse(line) as object) };
          return [step, Object.keys(facts)];
        }),
      ),
    deliveredValues: () => {
      const bundle = join(folder ?? '', 'trainer-0', 'secrets', 'training');
      const account = readFileSync(join(bundle, 'database.env'), 'utf8');
      const password = /^password='([^']+)'/im.exec(account)?.[1];
      if (password === undefined) throw new Error('no password in the files');
      return [password, readFileSync(join(bundle, 'api-key'), 'utf8')];
    },
    kill: (signal) => void child.kill(signal),
    ended: () => exit,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await exit;
    },
  };
};

/** Keys of each step, as the table of docs/demo.md under that heading has them, without steps and keys that a run does not show. */
export const documentedFacts = (
  without: { readonly steps: readonly string[]; readonly keys: readonly string[] },
  heading = 'Output for programs',
): ReadonlyMap<string, readonly string[]> => {
  const whole = readFileSync(join(root, 'docs', 'demo.md'), 'utf8');
  const manual = whole.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  const facts = new Map<string, string[]>();
  let current: string[] = [];
  for (const [, step, key = ''] of manual.matchAll(/^\| (?:`(\w+)`)? +\| `(\w+)` +\|/gm)) {
    if (step !== undefined) {
      current = [];
      if (!without.steps.includes(step)) facts.set(step, current);
    }
    if (!without.keys.includes(key)) current.push(key);
  }
  return facts;
};
