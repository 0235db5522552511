import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFakeAdmin, type FakeAdmin } from './fake-admin.ts';
import { runHere } from './run-here.ts';
import { aSession } from './samples.ts';

const at = Date.UTC(2026, 0, 2, 3, 4, 5);
const passed = {
  path: 'database/creds/app',
  bundle: 'app',
  outcome: 'passed',
  ranAtMs: at,
  session: 'ses_1',
  passedAtMs: at + 1_000,
  nextAtMs: at + 3_600_000,
};
const stuck = {
  path: 'database/creds/bad',
  bundle: 'bad',
  outcome: 'revoke_failed',
  why: 'backend_rejected',
  ranAtMs: at,
  session: 'ses_2',
};

let broker: FakeAdmin;
beforeAll(async () => {
  broker = await startFakeAdmin();
});
afterAll(async () => {
  await broker[Symbol.asyncDispose]();
});

describe('leasehold canary list', () => {
  it('says what a caller without the right is told', async () => {
    broker.script({ ListCanaries: { refuse: 'admin_forbidden' } });
    const ran = await runHere(['canary', 'list'], broker);
    expect(ran).toMatchObject({ status: 1, stdout: '' });
    expect(ran.stderr).toContain('(admin_forbidden)');
  });

  it('says when the broker sends none, and when it has nowhere to send them', async () => {
    broker.script({ ListCanaries: [{ answer: { enabled: false } }, { answer: { enabled: true } }] });
    expect(await runHere(['canary', 'list'], broker)).toEqual({
      status: 0,
      stdout: '',
      stderr: 'this broker sends no canaries: backend.canary is not configured\n',
    });
    expect(await runHere(['canary', 'list'], broker)).toEqual({
      status: 0,
      stdout: '',
      stderr: 'no bundle of the policy has a path for canaries\n',
    });
  });

  it('says in words why a path fails, and with its exit status that one does', async () => {
    broker.script({ ListCanaries: { answer: { enabled: true, canaries: [passed, stuck] } } });
    expect(await runHere(['canary', 'list'], broker)).toEqual({
      status: 3,
      stdout: [
        'PATH                BUNDLE  OUTCOME        RAN                       LAST SUCCESS              NEXT                      SESSION  WHY',
        'database/creds/app  app     passed         2026-01-02T03:04:05.000Z  2026-01-02T03:04:06.000Z  2026-01-02T04:04:05.000Z  ses_1    -',
        'database/creds/bad  bad     revoke failed  2026-01-02T03:04:05.000Z  -                         -                         ses_2    cannot be revoked: the secret backend could not carry out the request (backend_rejected)',
        '',
      ].join('\n'),
      stderr: '',
    });
  });

  it('prints the same for programs, and a code that it does not know as it is', async () => {
    const other = { ...stuck, outcome: 'issue_failed', why: 'of_tomorrow' };
    broker.script({ ListCanaries: { answer: { enabled: true, canaries: [passed, other] } } });
    expect((await runHere(['canary', 'list'], broker)).stdout).toContain('cannot be issued: of_tomorrow\n');
    const { status, stdout } = await runHere(['canary', 'list', '--output', 'json'], broker);
    expect(status).toBe(3);
    expect(JSON.parse(stdout)).toEqual({
      enabled: true,
      canaries: [
        {
          path: 'database/creds/app',
          bundle: 'app',
          outcome: 'passed',
          why: null,
          ranAt: '2026-01-02T03:04:05.000Z',
          session: 'ses_1',
          passedAt: '2026-01-02T03:04:06.000Z',
          nextAt: '2026-01-02T04:04:05.000Z',
        },
        {
          path: 'database/creds/bad',
          bundle: 'bad',
          outcome: 'issue_failed',
          why: 'of_tomorrow',
          ranAt: '2026-01-02T03:04:05.000Z',
          session: 'ses_2',
          passedAt: null,
          nextAt: null,
        },
      ],
    });
  });
});

describe('leasehold canary run', () => {
  const path = passed.path;
  const under = { ...passed, session: 'ses_0', nextAtMs: 0 };
  const list = (...canaries: readonly object[]) => ({ answer: { enabled: true, canaries } });

  it('says what the broker refuses, and asks for nothing with a wait that is too long', async () => {
    broker.script({ RunCanary: { refuse: 'locked' } });
    expect(await runHere(['canary', 'run', path], broker)).toMatchObject({ status: 1, stdout: '' });
    expect(broker.received).toEqual([{ method: 'RunCanary', request: { path } }]);
    broker.script({});
    expect((await runHere(['canary', 'run', path, '--wait', '61m'], broker)).status).toBe(2);
    expect(broker.received).toEqual([]);
  });

  it('waits until that canary, and no earlier one, says something', async () => {
    broker.script({
      RunCanary: { answer: { session: 'ses_1', canary: under } },
      ListCanaries: [list(under), list(under), list(passed)],
    });
    const ran = await runHere(['canary', 'run', path], broker);
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    expect(ran.stdout).toMatch(/^PATH .*\ndatabase\/creds\/app +app +passed .*ses_1 +-\n$/);
    expect(broker.received.map(({ method }) => method)).toEqual([
      'RunCanary',
      'ListCanaries',
      'ListCanaries',
      'ListCanaries',
    ]);
  });

  it('ends with 3 when it failed, when it said nothing, and when the time is over', async () => {
    broker.script({
      RunCanary: { answer: { session: 'ses_2', canary: under } },
      ListCanaries: [list({ ...stuck, path })],
    });
    const failed = await runHere(['canary', 'run', path], broker);
    expect(failed.status).toBe(3);
    expect(failed.stdout).toContain('cannot be revoked: ');
    for (const said of [passed, under]) {
      broker.script({
        RunCanary: { answer: { session: 'ses_9', canary: under } },
        ListCanaries: list(said),
      });
      expect(await runHere(['canary', 'run', path, '--wait', '0s'], broker)).toMatchObject({
        status: 3,
        stderr: 'it has not come to an end that says anything: leasehold session show ses_9\n',
      });
    }
  });

  it('says that none was sent, and how the path stands', async () => {
    broker.script({ RunCanary: { answer: { session: '', canary: { ...stuck, path } } } });
    const ran = await runHere(['canary', 'run', path, '--wait', '0s', '--output', 'json'], broker);
    expect(ran).toMatchObject({
      status: 3,
      stderr: 'none was sent: one is under way, or has left something that has to go first\n',
    });
    expect(JSON.parse(ran.stdout)).toMatchObject({
      session: null,
      canary: { path, outcome: 'revoke_failed', why: 'backend_rejected' },
    });
    expect(broker.received).toHaveLength(1);
  });

  it('sends its own once the one that was under way is over, and takes that one for no answer', async () => {
    broker.script({
      RunCanary: [{ answer: { canary: under } }, { answer: { session: 'ses_1', canary: under } }],
      ListCanaries: [list(under), list({ ...stuck, path, nextAtMs: at }), list(under), list(passed)],
    });
    const ran = await runHere(['canary', 'run', path, '--output', 'json'], broker);
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(ran.stdout)).toMatchObject({ session: 'ses_1', canary: { outcome: 'passed' } });
    expect(broker.received.map(({ method }) => method)).toEqual([
      'RunCanary',
      'ListCanaries',
      'ListCanaries',
      'RunCanary',
      'ListCanaries',
      'ListCanaries',
    ]);
  });

  it('sends none when the one that was under way is not over in time', async () => {
    broker.script({ RunCanary: { answer: { canary: under } }, ListCanaries: list(under) });
    let elapsedMs = 0;
    const clock = {
      monotonic: () => elapsedMs,
      sleep: async (ms: number) => void (elapsedMs += ms),
    };
    const ran = await runHere(['canary', 'run', path, '--wait', '5s'], { ...broker, clock });
    expect(ran).toMatchObject({
      status: 3,
      stderr: 'none was sent: one is under way, or has left something that has to go first\n',
    });
    const sent = broker.received.map(({ method }) => method);
    expect(sent.filter((method) => method === 'RunCanary')).toHaveLength(1);
    expect(sent.filter((method) => method === 'ListCanaries').length).toBeGreaterThan(3);
  });
});

describe('leasehold session show', () => {
  it('calls a canary one, without a pod that it has not got', async () => {
    const workload = 'canary/database/creds/app';
    const session = aSession({ workload, cluster: '(canary)', namespace: '', pod: '', node: '' });
    broker.script({ GetSession: { answer: { session } } });
    const { stdout } = await runHere(['session', 'show', 'ses_1'], broker);
    expect(stdout).toMatch(/^Canary: +canary\/database\/creds\/app$/m);
    expect(stdout).not.toMatch(/^(Pod|Node|Service account):/m);
    expect(stdout).toContain('nobody holds what a canary issues\n');
  });
});
