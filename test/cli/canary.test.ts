import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFakeAdmin, type FakeAdmin } from './fake-admin.ts';
import { runHere } from './run-here.ts';

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

describe('leasehold canary list', () => {
  let broker: FakeAdmin;
  beforeAll(async () => {
    broker = await startFakeAdmin();
  });
  afterAll(async () => {
    await broker[Symbol.asyncDispose]();
  });

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
