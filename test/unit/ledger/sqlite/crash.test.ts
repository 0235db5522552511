import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openSqliteLedger } from '../../../../src/ledger/sqlite/sqlite-ledger.ts';
import { silentLog } from '../../../../src/platform/log.ts';
import { createTempFolder } from '../../../support/temp-folder.ts';

const program = join(import.meta.dirname, 'commit-forever.ts');

/** Runs the program until it has said `lines` things, kills it in the middle of the next, and gives what it said. */
async function runAndKill(file: string, lines: number): Promise<readonly string[]> {
  const child = spawn(process.execPath, [program, file], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk;
    if (said.split('\n').length > lines) child.kill('SIGKILL');
  });
  await once(child, 'close');
  // A line without its end was on its way.
  return said.split('\n').slice(0, -1);
}

describe('a broker that is killed while it commits', () => {
  it('has lost nothing of what was acknowledged, and starts again at once', async () => {
    await using folder = await createTempFolder({ name: 'ledger' });
    const file = join(folder.path, 'ledger.sqlite');
    const acknowledged: string[] = [];
    for (const lines of [3, 30, 101]) acknowledged.push(...(await runAndKill(file, lines)));
    await using ledger = await openSqliteLedger({ file, log: silentLog });
    expect(acknowledged.length).toBeGreaterThan(100);
    for (const line of acknowledged) {
      const { session, leaseSet, generation } = JSON.parse(line) as Record<string, string>;
      expect(await ledger.findSession(session ?? '')).toMatchObject({
        state: 'active',
        generation: { id: generation },
        leaseSets: [{ id: leaseSet, state: 'current', credentials: [{ kind: 'token' }, { kind: 'lease' }] }],
      });
    }
    // Whatever was under way stands at some whole step of the way.
    for (const session of await ledger.listSessions({ limit: 10_000, states: ['opening'] })) {
      expect(session.leaseSets).toHaveLength(1);
      expect(await ledger.findLeaseSet(session.leaseSets[0]?.id ?? '')).toBeDefined();
    }
  });
});
