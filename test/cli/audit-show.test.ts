import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Audit, AuditEvent } from '../../src/audit/audit.ts';
import { openAudit } from '../../src/audit/open-audit.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { Secret } from '../../src/platform/secret.ts';
import { createTempFolder, type TempFolder } from '../support/temp-folder.ts';
import { runHere } from './run-here.ts';
import { createdAtMs } from './samples.ts';

let folder: TempFolder;
beforeEach(async () => {
  folder = await createTempFolder({ name: 'cli-audit-show' });
});
afterEach(() => folder.remove());

const pod = { pod: 'shop/api', workload: 'pod/prod/u1', spiffeId: 'spiffe://x/api', holder: 'pod' } as const;
const workload = { ...pod, actor: pod.spiffeId, outcome: 'ok' } as const;
const session = { bundle: 'db', session: 'ses_1', rule: 'shop-may' } as const;
const paths = ['auth/token/create/app', 'database/creds/app'];
const life: readonly (readonly [number, AuditEvent])[] = [
  [1, { action: 'attach', ...workload }],
  [2, { action: 'open', ...workload, bundle: 'db', rule: 'shop-may' }],
  [3, { action: 'issue', ...workload, actor: 'broker', ...session, paths }],
  [4, { action: 'deliver', ...workload, actor: 'broker', ...session, paths: ['database/creds/app'] }],
  [5, { action: 'delivered', ...workload, ...session }],
  [9, { action: 'rotate', ...workload, actor: 'broker', ...session, paths }],
  [20, { action: 'open', outcome: 'refused', code: 'tombstoned', ...pod, actor: pod.spiffeId, bundle: 'db' }],
];
const end: readonly (readonly [number, AuditEvent])[] = [
  [10, { action: 'open', ...workload, ...session, generation: 'gen_2' }],
  [11, { action: 'revoke', ...workload, actor: 'admin:ada', ...session, reason: 'admin: \u001b[31mleak' }],
  [12, { action: 'wiped', ...workload, ...session }],
  [13, { action: 'settle', ...workload, actor: 'broker', ...session, paths, settlement: 'confirmed,lapsed' }],
  [13, { action: 'open', outcome: 'refused', code: 'not_granted', peer: '10.0.0.9', bundle: 'db' }],
];

/** A log by the real writer, with each event at its minute. */
async function withLog<T>(
  name: string,
  use: (audit: Audit, setMinute: (minute: number) => void) => Promise<T>,
) {
  let minute = 0;
  await using audit = await openAudit({
    file: join(folder.path, name),
    replica: name,
    hmacKey: Secret.ofText('0123456789abcdef'),
    maxWaitMs: 5_000,
    rotate: { maxBytes: 1_500, maxAgeMs: 3_600_000 },
    clock: { ...systemClock, now: () => createdAtMs + minute * 60_000 },
    log: silentLog,
  });
  return await use(audit, (now) => (minute = now));
}

const write = (name: string, events: typeof life) =>
  withLog(name, async (audit, setMinute) => {
    for (const [minute, event] of events) {
      setMinute(minute);
      await audit.record(event);
    }
  });

const rows = (stdout: string) =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/ {2,}/));

describe('leasehold audit show', () => {
  it('tells the life of a workload from the logs of all brokers, from its proof to what became of its credentials', async () => {
    await write('b1', life);
    await write('b2', end);
    const files = ['b2', 'b1'].map((name) => join(folder.path, name));
    const ran = await runHere(['audit', 'show', ...files, '--pod', 'shop/api']);
    expect(ran.stderr).toBe('');
    const [head, ...told] = rows(ran.stdout);
    expect(head).toEqual(['AT', 'BROKER', 'WORKLOAD', 'BUNDLE', 'SESSION', 'WHAT HAPPENED']);
    expect(told.map(([at, broker, , , , what]) => [at?.slice(14, 16), broker, what])).toEqual([
      ['05', 'b1', 'the workload proved itself as spiffe://x/api'],
      ['06', 'b1', 'granted by rule shop-may'],
      ['07', 'b1', 'credentials made: auth/token/create/app, database/creds/app'],
      ['08', 'b1', 'values sent to the workload: database/creds/app'],
      ['09', 'b1', 'the workload has the files in place'],
      ['13', 'b1', 'new credentials in place of the ones before: auth/token/create/app, database/creds/app'],
      ['14', 'b2', 'taken up again by the workload, with its files'],
      // What a person wrote drives no terminal.
      ['15', 'b2', 'ended by admin:ada: admin: \\u{1b}[31mleak'],
      ['16', 'b2', 'the workload has removed the files'],
      ['17', 'b2', 'credentials over: auth/token/create/app confirmed, database/creds/app lapsed'],
      ['24', 'b1', 'refused, tombstoned'],
    ]);
    expect(new Set(told.map(([, , workloadName]) => workloadName))).toEqual(new Set(['shop/api']));
  });

  it('says where a stranger came from, and what the log itself went through', async () => {
    await write('b2', end);
    const ran = await runHere(['audit', 'show', join(folder.path, 'b2')]);
    const told = rows(ran.stdout).map((cells) => cells.at(-1));
    expect(told[0]).toBe('WHAT HAPPENED');
    expect(told[1]).toBe('broker b2 opened the log');
    expect(told).toContain('refused from 10.0.0.9, not_granted');
    expect(told.filter((what) => what?.startsWith('a new file: goes on after') === true)).not.toEqual([]);
    expect(told.at(-1)).toBe('the broker closed the log');
  });

  it('follows a log through its rotations until Ctrl-C, one record on each line as JSON', async () => {
    const interrupted = new AbortController();
    await withLog('b1', async (audit, setMinute) => {
      const pending = life.slice(1);
      await audit.record({ action: 'attach', ...workload });
      const ran = await runHere(
        ['audit', 'show', join(folder.path, 'b1'), '-f', '--pod', 'shop/api', '-o', 'json'],
        {
          signal: interrupted.signal,
          clock: {
            sleep: async () => {
              const next = pending.shift();
              if (next === undefined) interrupted.abort();
              else {
                setMinute(next[0]);
                await audit.record(next[1]);
              }
            },
          },
        },
      );
      expect(ran).toMatchObject({ status: 0, stderr: '' });
      const lines = ran.stdout.trimEnd().split('\n');
      expect(lines.map((line) => (JSON.parse(line) as AuditEvent).action)).toEqual(
        life.map(([, { action }]) => action),
      );
      expect(await readFile(join(folder.path, 'b1'), 'utf8')).toContain(lines.at(-1));
    });
  });
});
