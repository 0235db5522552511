import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withReference } from '../../scripts/write-cli-manual.ts';
import { auditRecordSchema } from '../../src/audit/record.ts';
import { loadCommandTree } from '../../src/cli/command-tree.ts';
import { exitStatus } from '../../src/cli/exit-status.ts';
import { createTempFolder } from '../support/temp-folder.ts';
import { startFakeAdmin } from './fake-admin.ts';
import type { FakeAdmin } from './fake-admin.ts';
import { runHere } from './run-here.ts';
import { aSession, createdAtMs } from './samples.ts';
import { writeFile } from 'node:fs/promises';

const root = join(import.meta.dirname, '..', '..');
const manual = readFileSync(join(root, 'docs', 'cli.md'), 'utf8');
const tree = await loadCommandTree();

/** First column of the table under a heading. */
function documentedKeys(heading: string): readonly string[] {
  const body = manual.split(`\n### ${heading}\n`)[1]?.split('\n#')[0] ?? '';
  return [...body.matchAll(/^\| `([^`]+)` /gm)].map(([, key = '']) => key);
}

const lock = { id: 'loc_1', selector: { all: true }, reason: 'r', by: 'b', createdAtMs };
const reasoned = ['--reason', 'r', '--yes'];

let broker: FakeAdmin;

beforeAll(async () => {
  broker = await startFakeAdmin();
  broker.script({
    ListSessions: { answer: { sessions: [aSession()] } },
    GetSession: { answer: { session: aSession() } },
    WatchSessions: { stream: [{ session: aSession() }] },
    RevokeSessions: { stream: [{ session: aSession(), matched: 1 }] },
    RotateSessions: { answer: { sessions: [aSession()] } },
    AddLock: { answer: { lock, sessions: [aSession()] } },
    RemoveLock: { answer: {} },
    ListLocks: { answer: { locks: [lock] } },
    Explain: { answer: { rules: [{ rule: 'r', effect: 'allow' }] } },
    ListTombstones: { answer: { tombstones: [{ workload: 'w', bundle: 'b' }] } },
    ListCanaries: { answer: { enabled: true, canaries: [{ path: 'p', bundle: 'b', outcome: 'passed' }] } },
    RunCanary: { answer: { canary: { path: 'p', bundle: 'b', outcome: 'passed' } } },
    LiftTombstone: { answer: {} },
    WriteOff: { answer: { session: aSession() } },
    MakeEnrolmentTokens: {
      answer: { tokens: [{ node: 'n', token: Buffer.from('t') }], expiresAtMs: createdAtMs },
    },
    ListEnrolmentTokens: { answer: { tokens: [{ cluster: 'c', node: 'n', state: 'unused' }] } },
    WithdrawEnrolmentTokens: { answer: { nodes: ['n'] } },
  });
});

afterAll(async () => {
  await broker[Symbol.asyncDispose]();
});

/** What a command prints as JSON. */
async function printed(argv: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  const { stdout } = await runHere([...argv, '--output', 'json'], broker);
  const parsed: unknown = JSON.parse(stdout);
  if (typeof parsed !== 'object' || parsed === null) throw new Error('not an object');
  return { ...parsed };
}

function first(list: unknown): object {
  const found: unknown = Array.isArray(list) ? list[0] : list;
  if (typeof found !== 'object' || found === null) throw new Error('nothing there');
  return found;
}

describe('docs/cli.md', () => {
  it('says of every command and part what its help says', () => {
    expect(withReference(manual, tree)).toBe(manual);
    for (const { name } of [...tree.commands, ...tree.parts])
      expect(manual).toContain(`\n### leasehold ${name}\n`);
  });

  it('lists every exit status', () => {
    const listed = [...manual.matchAll(/^\| ([0-9]) +\|/gm)].map(([, digit]) => Number(digit));
    expect(listed).toEqual(Object.values(exitStatus));
  });

  it.each<[string, readonly string[]]>([
    ['session list', ['session', 'list']],
    ['session show', ['session', 'show', 'x']],
    ['session watch', ['session', 'watch']],
    ['revoke', ['revoke', '--all', ...reasoned]],
    ['rotate', ['rotate', '--all', ...reasoned]],
    ['lock add', ['lock', 'add', '--all', ...reasoned]],
    ['lock remove', ['lock', 'remove', 'x', '--reason', 'r']],
    ['lock list', ['lock', 'list']],
    ['node enrol-token', ['node', 'enrol-token', '--cluster', 'c', '--node', 'n']],
    ['node list-tokens', ['node', 'list-tokens']],
    ['node withdraw-token', ['node', 'withdraw-token', '--cluster', 'c', '--all', ...reasoned]],
    ['explain', ['explain', '--bundle', 'b', '--cluster', 'c', '-n', 'n', '--service-account', 's']],
    ['settle list', ['settle', 'list']],
    ['canary list', ['canary', 'list']],
    ['canary run', ['canary', 'run', 'p', '--wait', '0s']],
    ['settle lift', ['settle', 'lift', '--workload', 'w', '--bundle', 'b', '--reason', 'r']],
    ['settle write-off', ['settle', 'write-off', 'x', ...reasoned]],
    ['setup print', ['setup', 'print', '--config', join(root, 'docs', 'examples', 'broker.yaml')]],
    ['version', ['version']],
  ])('names the keys that %s prints, in their order', async (name, argv) => {
    const keys = Object.keys(await printed(argv));
    expect(keys.length).toBeGreaterThan(0);
    expect(documentedKeys(`Output of ${name}`)).toEqual(keys);
  });

  it('names the keys of the objects in them', async () => {
    const session = first((await printed(['session', 'list']))['sessions']);
    const inner = (key: string): object => first(Reflect.get(session, key));
    const objects: Readonly<Record<string, object>> = {
      Session: session,
      Holder: inner('holders'),
      Credential: inner('credentials'),
      Lock: first((await printed(['lock', 'list']))['locks']),
      Tombstone: first((await printed(['settle', 'list']))['tombstones']),
      EnrolmentToken: first((await printed(['node', 'list-tokens']))['tokens']),
      Canary: first((await printed(['canary', 'list']))['canaries']),
      Rule: first(
        (await printed(['explain', '--bundle', 'b', '--cluster', 'c', '-n', 'n', '--service-account', 's']))[
          'rules'
        ],
      ),
    };
    for (const [name, object] of Object.entries(objects)) {
      expect([name, documentedKeys(`Object ${name}`)]).toEqual([name, Object.keys(object)]);
    }
  });

  it('names the keys of audit records and of a verdict', async () => {
    expect(documentedKeys('Output of audit show')).toEqual(Object.keys(auditRecordSchema.shape));
    await using folder = await createTempFolder({ name: 'cli-manual' });
    const file = join(folder.path, 'torn.jsonl');
    await writeFile(file, '{');
    const verdict = await printed(['audit', 'verify', file]);
    expect(documentedKeys('Output of audit verify')).toEqual(Object.keys(verdict));
    expect(documentedKeys('Object Fault')).toEqual(Object.keys(first(verdict['fault'])));
    expect(documentedKeys('Object Unchecked')).toEqual(Object.keys(first(verdict['unchecked'])));
    const key = await printed(['audit', 'key', '--make', join(folder.path, 'key.pem')]);
    expect(documentedKeys('Output of audit key')).toEqual(Object.keys(key));
  });

  it('documents the output of every command that has one', () => {
    const withOutput = tree.commands.filter(({ options }) => 'output' in options).map(({ name }) => name);
    for (const name of withOutput)
      expect([name, documentedKeys(`Output of ${name}`).length > 0]).toEqual([name, true]);
  });
});

describe('every command', () => {
  it.each(tree.commands.map(({ name }) => name))(
    '%s has help with an example, on standard output',
    async (name) => {
      const ran = await runHere([...name.split(' '), '--help']);
      expect([ran.status, ran.stderr]).toEqual([0, '']);
      expect(ran.stdout).toMatch(/\nExamples:\n {2}\$ \S/);
    },
  );

  it('that takes something away wants a reason', () => {
    for (const name of ['revoke', 'rotate', 'lock add', 'lock remove', 'settle lift', 'settle write-off']) {
      const command = tree.commands.find((one) => one.name === name);
      expect(command?.options['reason']).toMatchObject({ required: true });
    }
  });
});
