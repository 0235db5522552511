import { spawn } from 'node:child_process';
import { join } from 'node:path';

const repository = join(import.meta.dirname, '..', '..');

/** What one command line did, as a shell sees it. */
export interface Transcript {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number | null;
}

/** Runs the program as a process of its own, without a terminal and without anything of this process's environment. */
export async function runLeasehold(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Transcript> {
  const child = spawn(process.execPath, [join(repository, 'src', 'main.ts'), ...args], {
    cwd: repository,
    // A home that does not exist: no configuration of the person who runs the tests is read.
    env: { HOME: join(repository, 'no-such-home'), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 50_000,
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return { stdout, stderr, status };
}
