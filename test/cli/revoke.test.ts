import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Clock } from '../../src/platform/clock.ts';
import { startFakeAdmin } from './fake-admin.ts';
import type { FakeAdmin } from './fake-admin.ts';
import { runHere } from './run-here.ts';
import { runLeasehold } from './run-leasehold.ts';
import { aCredential, anEndedSession, aSession } from './samples.ts';

let broker: FakeAdmin;

beforeAll(async () => {
  broker = await startFakeAdmin();
});

afterAll(async () => {
  await broker[Symbol.asyncDispose]();
});

/** Every wait is over as soon as it begins. */
const atOnce: Clock['after'] = (_ms, callback) => {
  callback();
  return () => undefined;
};

describe('leasehold revoke', () => {
  it('is wrong use without a selector, and sends nothing', async () => {
    broker.script({});
    const ran = await runHere(['revoke', '--reason', 'drill', '--yes'], broker);
    expect(ran).toEqual({
      status: 2,
      stdout: '',
      stderr:
        'leasehold: nothing selected: say what to revoke\n' +
        'leasehold: add a selector such as --pod NAMESPACE/NAME, --bundle NAME or --session ID; --all for everything\n',
    });
    expect(broker.received).toEqual([]);
  });

  it('is wrong use without --yes where nobody can be asked', async () => {
    broker.script({});
    const ran = await runHere(['revoke', '--all', '--reason', 'drill'], broker);
    expect(ran.status).toBe(2);
    expect(ran.stderr).toContain('add --yes to go ahead, or --dry-run to see what it would do');
    expect(broker.received).toEqual([]);
  });

  it('refuses an empty selector value instead of widening the selection', async () => {
    broker.script({});
    const ran = await runHere(
      ['revoke', '--bundle', 'db', '--namespace', '', '--reason', 'drill', '--yes'],
      broker,
    );
    expect(ran.status).toBe(2);
    expect(ran.stderr).toContain('--namespace is empty');
    expect(broker.received).toEqual([]);
  });

  it("says the broker's refusal and its code", async () => {
    broker.script({ RevokeSessions: { refuse: 'admin_forbidden' } });
    const ran = await runHere(['revoke', '--all', '--reason', 'drill', '--yes'], broker);
    expect(ran).toEqual({
      status: 1,
      stdout: '',
      stderr:
        'leasehold: this client certificate does not hold the right that the call needs (admin_forbidden)\n',
    });
  });

  it('revokes, sends what was asked for, and shows each credential by its true name', async () => {
    broker.script({
      RevokeSessions: {
        stream: [
          { session: aSession({ state: 'revoking' }), matched: 1, settled: 0 },
          { session: anEndedSession(), matched: 1, settled: 1 },
        ],
      },
    });
    const ran = await runLeasehold(
      ['revoke', '--pod', 'shop/api-*', '--reason', 'drill', '--yes', '--wait', '5s'],
      broker.env,
    );
    expect(ran).toEqual({
      status: 0,
      stdout:
        'SESSION  WORKLOAD       BUNDLE     STATE  FILES  KIND   PATH                   CREDENTIAL  OUTCOME\n' +
        'ses_1    shop/api-7f9c  orders-db  ended  wiped  lease  database/creds/orders  cre_1       confirmed\n',
      stderr: 'revoked 1 session; nothing is outstanding\n',
    });
    expect(broker.received).toHaveLength(1);
    expect(broker.received[0]).toMatchObject({
      method: 'RevokeSessions',
      request: {
        selector: { pod: 'shop/api-*', all: false, session: '' },
        reason: 'drill',
        dryRun: false,
        waitMs: 5000,
      },
    });
  });

  it('names the nodes of a run, whether their files are gone and which cannot be asked', async () => {
    const holder = (over: object) => ({ name: 'n1', attached: true, generation: 1, wipedAtMs: 0, ...over });
    const run = { jobId: 12, array: '10_3', user: 'alice', partition: 'gpu', nodes: 4 };
    const session = anEndedSession({
      run,
      holders: [
        holder({ attached: false, wipedAtMs: Date.UTC(2026, 0, 2) }),
        holder({ name: 'n2' }),
        holder({ name: 'n3', attached: false }),
        holder({ name: 'n4', attached: false, generation: 0 }),
      ],
    });
    broker.script({ RevokeSessions: { stream: [{ session, matched: 1, settled: 1 }] } });
    const ran = await runHere(['revoke', '--array', '10', '--reason', 'drill', '--yes'], broker);
    expect(ran.status).toBe(0);
    expect(ran.stdout).toContain(
      'ses_1    job 10_3 (alice)  orders-db  ended  1 of 4 wiped  lease  database/creds/orders  cre_1       confirmed\n',
    );
    expect(ran.stdout.split('\n').slice(-6)).toEqual([
      'SESSION  NODE  FILES                           NODE IS',
      'ses_1    n1    wiped 2026-01-02T00:00:00.000Z  -',
      'ses_1    n2    not wiped                       attached',
      'ses_1    n3    not wiped                       out of reach',
      'ses_1    n4    none delivered                  out of reach',
      '',
    ]);
    expect(broker.received[0]).toMatchObject({ request: { selector: { array: '10' } } });
  });

  it('names the node of each session that a node of a run has for itself', async () => {
    const run = { jobId: 12, array: '', user: 'alice', partition: 'gpu', nodes: 2 };
    const holder = (name: string, wipedAtMs: number) => ({ name, attached: true, generation: 1, wipedAtMs });
    const stream = [
      anEndedSession({ run, holders: [holder('n1', Date.UTC(2026, 0, 2))] }),
      { ...anEndedSession({ run, holders: [holder('n2', 0)] }), id: 'ses_2' },
    ].map((session) => ({ session, matched: 2, settled: 2 }));
    broker.script({ RevokeSessions: { stream } });
    const ran = await runHere(['revoke', '--job', '12', '--reason', 'drill', '--yes'], broker);
    expect(ran.stdout.split('\n').slice(-4)).toEqual([
      'SESSION  NODE  FILES                           NODE IS',
      'ses_1    n1    wiped 2026-01-02T00:00:00.000Z  -',
      'ses_2    n2    not wiped                       attached',
      '',
    ]);
  });

  it('ends with 3 when something is outstanding, and says why and when it is tried next', async () => {
    const outstanding = aCredential({
      settlement: 'outstanding',
      why: 'backend_unavailable',
      nextTryMs: Date.UTC(2026, 0, 2, 3, 5),
      attempts: 4,
    });
    broker.script({
      RevokeSessions: {
        stream: [
          { session: aSession({ state: 'revoking', credentials: [outstanding] }), matched: 2, settled: 1 },
        ],
      },
    });
    const ran = await runHere(['revoke', '--all', '--reason', 'drill', '--yes'], broker);
    expect(ran.status).toBe(3);
    expect(ran.stdout).toContain('outstanding, backend_unavailable, next try 2026-01-02T03:05:00.000Z');
    expect(ran.stderr).toContain('2 of 2 sessions not finished; the broker goes on trying\n');
  });

  it('changes nothing on a dry run, and prints the same as JSON', async () => {
    broker.script({ RevokeSessions: { stream: [{ session: aSession(), matched: 1, settled: 0 }] } });
    const ran = await runHere(
      ['revoke', '--bundle', 'orders-db', '--reason', 'drill', '--dry-run', '-o', 'json'],
      broker,
    );
    expect(ran.status).toBe(0);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      dryRun: true,
      matched: 1,
      settled: 0,
      outstandingCredentials: 1,
      sessions: [{ id: 'ses_1', createdAt: '2026-01-02T03:04:05.000Z', endedAt: null }],
    });
    expect(broker.received[0]).toMatchObject({ request: { dryRun: true, waitMs: 0 } });
  });

  it('prints what it knows when the connection breaks after the revocation was recorded', async () => {
    broker.script({
      RevokeSessions: {
        stream: [{ session: aSession({ state: 'revoking' }), matched: 1, settled: 0 }],
        then: 'cut',
      },
    });
    const ran = await runHere(['revoke', '--all', '--reason', 'drill', '--yes'], broker);
    expect(ran.status).toBe(3);
    expect(ran.stdout).toContain('revoking');
    expect(ran.stderr).toContain('the broker goes on by itself');
  });

  it('ends with 4 when the broker is out of reach, and never tries twice', async () => {
    const env = { ...broker.env, LEASEHOLD_BROKER: '127.0.0.1:1' };
    const ran = await runLeasehold(['revoke', '--all', '--reason', 'drill', '--yes'], env);
    expect(ran.status).toBe(4);
    expect(ran.stdout).toBe('');
    expect(ran.stderr).toContain('leasehold: the broker cannot be reached: nothing listens at that address');
  });

  it('shows what it would revoke on a terminal, and does nothing without a plain yes', async () => {
    for (const typed of [['n'], [''], ['yess'], []]) {
      broker.script({ RevokeSessions: { stream: [{ session: aSession(), matched: 1, settled: 0 }] } });
      const ran = await runHere(['revoke', '--all', '--reason', 'drill'], { env: broker.env, typed });
      expect(ran.status).toBe(1);
      expect(ran.stdout).toBe('');
      expect(ran.stderr).toContain('shop/api-7f9c');
      expect(ran.stderr).toContain('Revoke 1 session? [y/N] nothing was revoked\n');
      expect(broker.received).toMatchObject([{ request: { dryRun: true, waitMs: 0 } }]);
    }
  });

  it('goes ahead after a yes', async () => {
    broker.script({
      RevokeSessions: [
        { stream: [{ session: aSession(), matched: 1, settled: 0 }] },
        { stream: [{ session: anEndedSession(), matched: 1, settled: 1 }] },
      ],
    });
    const ran = await runHere(['revoke', '--all', '--reason', 'drill'], { env: broker.env, typed: ['yes'] });
    expect(ran.status).toBe(0);
    expect(ran.stdout).toContain('confirmed');
    expect(broker.received).toMatchObject([
      { request: { dryRun: true } },
      { request: { dryRun: false, waitMs: 30_000 } },
    ]);
  });

  it('asks nothing and sends nothing more when nothing matches', async () => {
    broker.script({ RevokeSessions: { stream: [] } });
    const ran = await runHere(['revoke', '--pod', 'x', '--reason', 'drill'], { env: broker.env, typed: [] });
    expect(ran).toEqual({ status: 0, stdout: '', stderr: 'no live session matches\n' });
    expect(broker.received).toMatchObject([{ request: { dryRun: true } }]);
  });

  it('does not call done what the backend cannot revoke and what still works', async () => {
    const endless = aCredential({ settlement: 'expires' });
    broker.script({
      RevokeSessions: {
        stream: [{ session: anEndedSession({ credentials: [endless] }), matched: 1, settled: 1 }],
      },
    });
    const ran = await runHere(['revoke', '--all', '--reason', 'drill', '--yes'], broker);
    expect(ran.status).toBe(3);
    expect(ran.stdout).toContain('expires, not revocable, ends 2026-01-02T04:04:05.000Z');
  });

  it('prints what it knows when the person no longer waits, or the broker goes down', async () => {
    const stop = new AbortController();
    broker.script({
      RevokeSessions: {
        stream: [{ session: aSession({ state: 'revoking' }), matched: 1, settled: 0 }],
        then: 'stay',
      },
    });
    const ran = await runHere(['revoke', '--all', '--reason', 'drill', '--yes'], {
      env: broker.env,
      typed: [],
      signal: stop.signal,
      clock: { after: atOnce },
      // Progress is told: the first message has come.
      onWords: (text) => {
        if (text.includes('settled')) stop.abort();
      },
    });
    expect(ran.status).toBe(3);
    expect(ran.stdout).toContain('revoking');
    expect(ran.stderr).toContain('no longer following (cancelled); the broker goes on by itself\n');
    broker.script({ RevokeSessions: { refuse: 'shutting_down' } });
    expect((await runHere(['revoke', '--all', '--reason', 'drill', '--yes'], broker)).status).toBe(4);
  });

  it('shows progress on a terminal once it takes longer than two seconds, and clears it', async () => {
    broker.script({ RevokeSessions: { stream: [{ session: anEndedSession(), matched: 1, settled: 1 }] } });
    const ran = await runHere(['revoke', '--all', '--reason', 'drill', '--yes'], {
      env: { ...broker.env, NO_COLOR: '1' },
      typed: [],
      clock: { after: atOnce },
    });
    expect(ran.stderr).toBe(
      '\r\u001b[K\r\u001b[Krevoking: 1 of 1 session settled\r\u001b[Krevoked 1 session; nothing is outstanding\n',
    );
  });

  it.each([
    [['--wait', 'soon'], '--wait needs a duration'],
    [['--wait', '2h'], '--wait is longer than 1h'],
    [
      ['--image-digest', 'sha256:abc'],
      '--image-digest needs sha256: and 64 hexadecimal digits in lower case',
    ],
    [['--pod', 'a b'], '--pod has white space or control characters'],
    [['ses_1'], 'selectors are flags, for example --pod NAMESPACE/NAME or --session ID'],
    [['--nmespace', 'x'], 'did you mean --namespace?'],
    [['--reason', 'a\nb'], '--reason has control characters'],
    [['--reason', 'x'.repeat(501)], '--reason is longer than 500 characters'],
    [['--reason', ' '], '--reason is empty'],
  ])('is wrong use with %j', async (extra, said) => {
    broker.script({});
    const selected = extra[0] === '--pod' ? [] : ['--cluster', 'blue'];
    const ran = await runHere(['revoke', ...selected, '--reason', 'drill', '--yes', ...extra], broker);
    expect(ran.status).toBe(2);
    expect(ran.stderr).toContain(said);
    expect(broker.received).toEqual([]);
  });
});
