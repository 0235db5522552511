import { describe, expect, it } from 'vitest';
import { parts } from '../../src/cli/parts.ts';
import { flagOf } from '../../src/cli/spec.ts';
import { runLeasehold } from './run-leasehold.ts';

/** Flags that a part names in its own words, which it prints when it is used wrongly. */
async function ownFlags(
  part: string,
): Promise<{ readonly status: number | null; readonly flags: readonly string[] }> {
  const { status, stderr } = await runLeasehold([part, '--no-such-flag']);
  return { status, flags: [...new Set(stderr.match(/--[a-z-]+/g) ?? [])].sort() };
}

describe('the parts', () => {
  it.each(parts.map(({ name }) => name))(
    '%s takes the flags that help and manual name, and no others',
    async (name) => {
      const { status, flags } = await ownFlags(name);
      const documented = Object.keys(parts.find((part) => part.name === name)?.options ?? {}).map(flagOf);
      expect(status).toBe(2);
      expect(flags.filter((flag) => flag !== '--no-such-flag')).toEqual([...documented].sort());
    },
  );

  it('answer --help like every command', async () => {
    const ran = await runLeasehold(['sidecar', '--help']);
    expect([ran.status, ran.stderr]).toEqual([0, '']);
    expect(ran.stdout).toContain('\nExamples:\n  $ leasehold sidecar --config ');
  });

  it('check the environment of a broker as well as its files', async () => {
    const ran = await runLeasehold(['broker', '--config', 'no-such.yaml', '--check'], {
      VAULT_TOKEN: 'hunter2',
    });
    expect(ran.status).toBe(1);
    expect(ran.stderr).toMatch(/^environment variable VAULT_TOKEN: must not be set\n.*ENOENT/);
    expect(ran.stderr).not.toContain('hunter2');
  });
});
