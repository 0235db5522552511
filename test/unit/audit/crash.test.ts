import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openAudit } from '../../../src/audit/open-audit.ts';
import { readAudit } from '../../../src/audit/read.ts';
import { verifyAudit } from '../../../src/audit/verify.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { Secret } from '../../../src/platform/secret.ts';
import { createTempFolder } from '../../support/temp-folder.ts';

const program = join(import.meta.dirname, 'record-forever.ts');

async function runAndKill(file: string, lines: number): Promise<readonly string[]> {
  const child = spawn(process.execPath, [program, file], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk;
    if (said.split('\n').length > lines) child.kill('SIGKILL');
  });
  await once(child, 'close');
  return said.split('\n').slice(0, -1);
}

describe('a broker that is killed while it records', () => {
  it('has lost no acknowledged record, and its chain goes on without a gap', async () => {
    await using folder = await createTempFolder({ name: 'audit' });
    const file = join(folder.path, 'audit.jsonl');
    const acknowledged: string[] = [];
    for (const lines of [1, 40, 200]) acknowledged.push(...(await runAndKill(file, lines)));
    const audit = await openAudit({
      file,
      hmacKey: Secret.ofText('0123456789abcdef'),
      maxWaitMs: 5_000,
      clock: systemClock,
      log: silentLog,
    });
    await audit[Symbol.asyncDispose]();
    expect(await verifyAudit({ files: [file] })).toMatchObject({ ok: true });
    const found = new Set<string | undefined>();
    for await (const record of readAudit({ files: [file], filter: {} })) found.add(record.bundle);
    expect(acknowledged.length).toBeGreaterThan(200);
    expect(acknowledged.filter((bundle) => !found.has(bundle))).toEqual([]);
  });
});
