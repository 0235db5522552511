import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { runHere } from './run-here.ts';
import { runLeasehold } from './run-leasehold.ts';

const run = promisify(execFile);

/** What bash offers for each of these lines; the last word is the one under the cursor. */
async function offered(script: string, lines: readonly (readonly string[])[]): Promise<readonly string[][]> {
  const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;
  const asks = lines.map(
    (words) =>
      `COMP_WORDS=(${words.map(quoted).join(' ')}); COMP_CWORD=${words.length - 1}; _leasehold; echo "\${COMPREPLY[*]}"`,
  );
  const { stdout } = await run('bash', ['--norc', '-c', `${script}\n${asks.join('\n')}`], {
    cwd: import.meta.dirname,
  });
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' ').filter((word) => word !== ''));
}

describe('leasehold completion', () => {
  it('refuses a shell it does not know', async () => {
    const ran = await runHere(['completion', 'tcsh']);
    expect([ran.status, ran.stdout]).toEqual([2, '']);
    expect(ran.stderr).toContain('Allowed choices are bash, zsh, fish');
  });

  it("makes bash offer commands, flags, a flag's few values, and files", async () => {
    const { stdout: script, status } = await runLeasehold(['completion', 'bash']);
    expect(status).toBe(0);
    const [top, group, prefix, flag, value, joined, free, file, argument, shell] = await offered(script, [
      ['leasehold', ''],
      ['leasehold', 'lock', ''],
      ['leasehold', 'session', 'l'],
      ['leasehold', 'revoke', '--bundle', 'x', '--dr'],
      ['leasehold', 'session', 'list', '-o', ''],
      ['leasehold', 'session', 'list', '--output', '=', 'j'],
      ['leasehold', 'revoke', '--reason', ''],
      ['leasehold', 'lock', 'list', '--ca', 'sampl'],
      ['leasehold', 'audit', 'verify', 'sampl'],
      ['leasehold', 'completion', 'z'],
    ]);
    expect(top).toEqual(expect.arrayContaining(['session', 'revoke', 'broker', 'version']));
    expect(group).toEqual(expect.arrayContaining(['add', 'remove', 'list']));
    expect(prefix).toEqual(['list']);
    expect(flag).toEqual(['--dry-run']);
    expect(value).toEqual(['table', 'json', 'yaml']);
    expect(joined).toEqual(['json']);
    expect(free).toEqual([]);
    expect(file).toEqual(['samples.ts']);
    expect(argument).toEqual(['samples.ts']);
    expect(shell).toEqual(['zsh']);
  });

  it('writes scripts for zsh and fish that name every command', async () => {
    const zsh = await runHere(['completion', 'zsh']);
    expect(zsh.stdout).toMatch(/^#compdef leasehold\n/);
    const fish = await runHere(['completion', 'fish']);
    expect(fish.stdout).toContain("complete -c leasehold -n '__leasehold_at settle' -a write-off");
    for (const { stdout } of [zsh, fish]) expect(stdout).toContain("'session watch'");
  });
});
