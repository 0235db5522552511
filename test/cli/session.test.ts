import { parse as parseYaml } from 'yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFakeAdmin } from './fake-admin.ts';
import type { FakeAdmin } from './fake-admin.ts';
import { runHere } from './run-here.ts';
import { runLeasehold } from './run-leasehold.ts';
import { anEndedSession, aSession, createdAtMs } from './samples.ts';

let broker: FakeAdmin;

beforeAll(async () => {
  broker = await startFakeAdmin();
});

afterAll(async () => {
  await broker[Symbol.asyncDispose]();
});

describe('leasehold session list', () => {
  it('says what is refused and why', async () => {
    broker.script({ ListSessions: { refuse: 'admin_unauthenticated' } });
    const ran = await runHere(['session', 'list'], broker);
    expect(ran).toEqual({
      status: 1,
      stdout: '',
      stderr: 'leasehold: a client certificate known to the broker is required (admin_unauthenticated)\n',
    });
  });

  it('refuses --all beside a selector, because one of them is not meant', async () => {
    const ran = await runHere(['session', 'list', '--all', '--pod', 'x'], broker);
    expect(ran.status).toBe(2);
    expect(ran.stderr).toContain('--all means everything, but --pod narrows it');
  });

  it('fetches every page and prints one table', async () => {
    broker.script({
      ListSessions: [
        { answer: { sessions: [aSession()], nextPageToken: 'ses_1' } },
        { answer: { sessions: [anEndedSession({ id: 'ses_2', node: '' })], nextPageToken: '' } },
      ],
    });
    const ran = await runLeasehold(['session', 'list', '--namespace', 'shop', '--ended'], broker.env);
    expect(ran).toEqual({
      status: 0,
      stdout:
        'SESSION  CLUSTER  WORKLOAD       BUNDLE     STATE   NODE    CREATED                   DEADLINE\n' +
        'ses_1    blue     shop/api-7f9c  orders-db  active  node-1  2026-01-02T03:04:05.000Z  2026-01-03T03:04:05.000Z\n' +
        'ses_2    blue     shop/api-7f9c  orders-db  ended   -       2026-01-02T03:04:05.000Z  2026-01-03T03:04:05.000Z\n',
      stderr: '',
    });
    expect(broker.received).toMatchObject([
      { request: { selector: { namespace: 'shop' }, includeEnded: true, pageToken: '' } },
      { request: { selector: { namespace: 'shop' }, includeEnded: true, pageToken: 'ses_1' } },
    ]);
  });

  it('shows pods and runs in one table, each by the name that its people know', async () => {
    const aRun = { jobId: 12, array: '', het: '', user: 'alice', partition: 'gpu', nodes: 1 };
    const ofRun = { namespace: '', pod: '', serviceAccount: '', cluster: 'hpc', node: 'n1', run: aRun };
    const sessions = [
      aSession(),
      aSession({ ...ofRun, id: 'ses_2' }),
      aSession({ ...ofRun, id: 'ses_3', run: { ...aRun, jobId: 14, array: '13_7', nodes: 4 } }),
      aSession({ ...ofRun, id: 'ses_4', run: { ...aRun, jobId: 16, het: '15+1' } }),
    ];
    broker.script({ ListSessions: { answer: { sessions } } });
    const { stdout } = await runHere(['session', 'list'], broker);
    expect(stdout.split('\n').map((line) => line.split(/ {2,}/).slice(0, 6))).toEqual([
      ['SESSION', 'CLUSTER', 'WORKLOAD', 'BUNDLE', 'STATE', 'NODE'],
      ['ses_1', 'blue', 'shop/api-7f9c', 'orders-db', 'active', 'node-1'],
      ['ses_2', 'hpc', 'job 12 (alice)', 'orders-db', 'active', 'n1'],
      ['ses_3', 'hpc', 'job 13_7 (alice)', 'orders-db', 'active', '4 nodes'],
      ['ses_4', 'hpc', 'job 15+1 (alice)', 'orders-db', 'active', 'n1'],
      [''],
    ]);
  });

  it('sends no selector when none is given', async () => {
    broker.script({ ListSessions: { answer: {} } });
    const ran = await runHere(['session', 'list', '--output', 'json'], broker);
    expect(ran).toEqual({ status: 0, stdout: '{\n  "sessions": []\n}\n', stderr: 'no session matches\n' });
    expect(broker.received).toMatchObject([{ request: { selector: null, includeEnded: false } }]);
  });

  it('prints relative times and colours on a terminal, and no colours under NO_COLOR', async () => {
    broker.script({ ListSessions: { answer: { sessions: [aSession()] } } });
    const coloured = await runHere(['session', 'list'], { env: broker.env, typed: [] });
    expect(coloured.stdout).toContain('\u001b[32mactive\u001b[0m');
    expect(coloured.stdout).toContain('10m ago  in 23h50m');
    const plain = await runHere(['session', 'list'], { env: { ...broker.env, NO_COLOR: '1' }, typed: [] });
    expect(plain.stdout).not.toContain('\u001b');
  });

  it('lets no value of the broker drive the terminal', async () => {
    const evil = 'x\u001b]0;owned\u0007\u009b2J\nses_9  blue\u202e';
    broker.script({ ListSessions: { answer: { sessions: [aSession({ pod: evil })] } } });
    for (const format of ['table', 'json', 'yaml']) {
      const { stdout } = await runHere(['session', 'list', '-o', format], {
        env: { ...broker.env, NO_COLOR: '1' },
        typed: [],
      });
      expect(stdout.replaceAll('\n', '')).not.toMatch(/[\p{C}]/u);
      expect(stdout.split('\n').some((line) => line.startsWith('ses_9'))).toBe(false);
    }
    const json = await runHere(['session', 'list', '-o', 'json'], broker);
    expect(JSON.parse(json.stdout)).toMatchObject({ sessions: [{ pod: evil }] });
    const yaml = await runHere(['session', 'list', '-o', 'yaml'], broker);
    expect(parseYaml(yaml.stdout)).toEqual(JSON.parse(json.stdout));
  });

  it('suggests the command that was meant', async () => {
    const ran = await runHere(['session', 'lst'], broker);
    expect(ran).toEqual({
      status: 2,
      stdout: '',
      stderr:
        "leasehold: unknown command 'lst'\n" +
        'leasehold: did you mean list?\n' +
        'leasehold: see leasehold session --help\n',
    });
  });
});

describe('leasehold session show', () => {
  it('says that there is no such session', async () => {
    broker.script({ GetSession: { refuse: 'session_unknown' } });
    const ran = await runHere(['session', 'show', 'ses_0'], broker);
    expect(ran).toEqual({ status: 1, stdout: '', stderr: 'leasehold: no such session (session_unknown)\n' });
  });

  it('shows facts, holders and credentials', async () => {
    broker.script({ GetSession: { answer: { session: anEndedSession() } } });
    const ran = await runHere(['session', 'show', 'ses_1'], broker);
    expect(ran).toEqual({
      status: 0,
      stdout: `Session:          ses_1
State:            ended
Ended because:    admin
Bundle:           orders-db
Pod:              shop/api-7f9c
Cluster:          blue
Service account:  api
Node:             node-1
Workload:         pod/blue/uid-1
Identity:         spiffe://example.org/k8s/blue/ns/shop/sa/api/pod/uid-1
Grant:            shop-may-order
Generation:       2
Created:          2026-01-02T03:04:05.000Z
Deadline:         2026-01-03T03:04:05.000Z
Ended:            2026-01-02T03:05:05.000Z

HOLDER  ATTACHED  GENERATION  DELIVERED                 FILES
pod     no        2           2026-01-02T03:04:06.000Z  wiped 2026-01-02T03:05:04.000Z

CREDENTIAL  KIND   PATH                   HMAC              SINCE                     TRIES  EXPIRES                   OUTCOME
cre_1       lease  database/creds/orders  a1b2c3d4a1b2c3d4  2026-01-02T03:05:05.000Z  1      2026-01-02T04:04:05.000Z  confirmed
`,
      stderr: '',
    });
    expect(broker.received).toMatchObject([{ method: 'GetSession', request: { id: 'ses_1' } }]);
  });

  const facts = { jobId: 12, startMs: createdAtMs, user: 'alice', partition: 'gpu', nodes: 2 };
  const shown = async (run: object, ...more: readonly string[]) => {
    broker.script({ GetSession: { answer: { session: aSession({ cluster: 'hpc', run }) } } });
    return (await runHere(['session', 'show', 'ses_1', ...more], broker)).stdout;
  };

  it('shows the restart count and the SLUID of a run, and says nothing for what it is not told', async () => {
    const told = { ...facts, restarts: 0, sluid: 's5WCZ2JGZ0A100' };
    const text = await shown(told);
    expect(text).toContain('\nRestarts:    0\nSLUID:       s5WCZ2JGZ0A100\nNodes:       2\n');
    expect(JSON.parse(await shown(told, '-o', 'json'))).toMatchObject({
      session: { run: { restarts: 0, sluid: 's5WCZ2JGZ0A100' } },
    });
    // Of an older broker, and of a Slurm that has none.
    const untold = await shown(facts);
    expect(untold).toContain('\nNodes:       2\n');
    expect(untold).not.toMatch(/Restarts|SLUID/);
    expect(JSON.parse(await shown(facts, '-o', 'json'))).toMatchObject({
      session: { run: { restarts: null, sluid: null } },
    });
  });

  it('prints the same as YAML and JSON', async () => {
    broker.script({ GetSession: { answer: { session: aSession() } } });
    const yaml = await runHere(['session', 'show', 'ses_1', '-o', 'yaml'], broker);
    const json = await runHere(['session', 'show', 'ses_1', '-o', 'json'], broker);
    expect(parseYaml(yaml.stdout)).toEqual(JSON.parse(json.stdout));
  });
});

describe('leasehold session watch', () => {
  it('prints one JSON object for each change, and says when the broker ends the watch', async () => {
    broker.script({ WatchSessions: { stream: [{ session: aSession() }, { session: anEndedSession() }] } });
    const ran = await runLeasehold(['session', 'watch', '--bundle', 'orders-*', '-o', 'json'], broker.env);
    expect(ran.status).toBe(1);
    expect(ran.stderr).toBe('leasehold: the broker ended the watch\n');
    const lines = ran.stdout.trimEnd().split('\n');
    expect(lines.map((line): unknown => JSON.parse(line))).toMatchObject([
      { session: { state: 'active' } },
      { session: { state: 'ended', endReason: 'admin' } },
    ]);
  });

  it('is done when the person interrupts it', async () => {
    broker.script({ WatchSessions: { stream: [{ session: aSession() }], then: 'stay' } });
    const stop = new AbortController();
    const ran = await runHere(['session', 'watch'], {
      env: broker.env,
      signal: stop.signal,
      onOutput: () => stop.abort(),
    });
    expect(ran.status).toBe(0);
    const [head = '', row = ''] = ran.stdout.split('\n');
    expect(head.split(/ {2,}/)).toEqual([
      'AT',
      'SESSION',
      'POD',
      'BUNDLE',
      'STATE',
      'GENERATION',
      'FILES',
      'REASON',
    ]);
    expect(row.split(/ {2,}/)).toEqual([
      '2026-01-02T03:14:05.000Z',
      'ses_1',
      'shop/api-7f9c',
      'orders-db',
      'active',
      '2',
      'not wiped',
      '-',
    ]);
    expect(head.indexOf('POD')).toBe(row.indexOf('shop/'));
  });

  it('ends with 4 when the broker goes away', async () => {
    broker.script({ WatchSessions: { stream: [{ session: aSession() }], then: 'cut' } });
    const ran = await runHere(['session', 'watch'], broker);
    expect(ran.status).toBe(4);
    expect(ran.stderr).toContain('(broker_unavailable)');
  });
});
