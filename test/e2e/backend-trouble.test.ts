import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../src/platform/error.ts';
import type { Fault, FaultProxy } from '../support/fault-proxy.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { numberAt, textAt, valueAt } from '../support/json.ts';
import { waitFor } from '../support/parts/wait-until-ready.ts';
import { vaultPaths } from '../support/parts/vault-with-postgres.ts';
import { describeWith } from '../support/require.ts';
import type { Caller } from './caller.ts';
import { connectCaller, hello, open } from './caller.ts';
import type { Login } from './holder.ts';
import { startHolder } from './holder.ts';
import { createPods } from './pods.ts';
import type { Site } from './site.ts';
import { startSite } from './site.ts';
import { audience } from './site-files.ts';

/** First ttl of every token and account: the bound of what a lost reply can leave behind. */
const probationSeconds = 10;
const requestLimitSeconds = 3;
const staleAfterSeconds = 12;
/** Renewed with a quarter of it left, which is longer than any trouble of these tests. */
const ttlSeconds = 45;

const html = { status: 502, body: '<html>oops</html>', headers: { 'content-type': 'text/html' } };
const json = (status: number, errors: readonly string[] = ['a made-up error']) =>
  ({ kind: 'answer', status, body: JSON.stringify({ errors }) }) as const;

const isCreation = ({ path }: { readonly path: string }) => path.startsWith('/v1/auth/token/create/');
const isCredentialRead = ({ path }: { readonly path: string }) => path === `/v1/${vaultPaths.credentials}`;
const isLeaseRenewal = ({ path }: { readonly path: string }) => path === '/v1/sys/leases/renew';

describeWith(['vault', 'postgres', 'kubernetes'], 'with a backend in trouble', () => {
  let site: Site;
  let faults: FaultProxy;
  const pods = createPods(() => site);
  const { hold, loginOf, canLogin, isGone, seen } = pods;

  beforeAll(async () => {
    site = await startSite({
      bundle: { ttl: `${ttlSeconds}s`, overlap: '5s', refresh: '1s' },
      cluster: { staleAfterSeconds, lostAfterSeconds: 600 },
      vault: { probationSeconds, requestLimitSeconds },
      wayToVault: async (address) => (faults = await startFaultProxy(address)),
    });
  });
  afterAll(async () => {
    await site[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    faults.set();
  });

  /** Tokens of the bundle that Vault knows, as its look-up describes them. */
  const tokens = async (): Promise<readonly unknown[]> => {
    const listed: unknown = valueAt(
      await site.parts.vault.call('LIST', 'auth/token/accessors'),
      ...['data', 'keys'],
    );
    const found: unknown[] = [];
    for (const accessor of Array.isArray(listed) ? (listed as readonly unknown[]) : []) {
      const { status, body } = await site.parts.vault.request('POST', 'auth/token/lookup-accessor', {
        accessor,
      });
      const data = valueAt(body, 'data');
      if (status === 200 && valueAt(data, 'path') === 'auth/token/create/leasehold-app') found.push(data);
    }
    return found;
  };
  const isOfSession = (token: unknown) => textAt(token, 'meta', 'intent').startsWith('set_');
  /** Accounts that Vault has made and PostgreSQL still has. */
  const accounts = () => site.parts.issuedUsers();
  /** Waits until these are the only accounts that are left, and no token of the bundle is left beside theirs. */
  const expectOnly = async (...logins: readonly Login[]) => {
    const wanted = logins.map(({ username }) => username).sort();
    await waitFor(
      'nothing to be left but what is held',
      async () =>
        JSON.stringify(await accounts()) === JSON.stringify(wanted) &&
        (await tokens()).filter(isOfSession).length === wanted.length,
      (probationSeconds + requestLimitSeconds) * 1000 + 10_000,
    );
    // What a static reading was made with ends by itself at the latest.
    const oldest = Date.now() / 1000 - probationSeconds - requestLimitSeconds;
    const readings = (await tokens()).filter((token) => !isOfSession(token));
    expect(readings.filter((token) => numberAt(token, 'creation_time') < oldest)).toEqual([]);
  };
  /** What earlier tests have left ends now, and not in the middle of this one. */
  const endOthers = async () => {
    const revoke = await site.command('revoke', '--namespace', 'shop', '--reason', 'over', '--yes');
    expect(revoke.status, revoke.stderr).toBe(0);
  };
  const connectPod = async (name: string): Promise<Caller> => {
    const token = await site.one.createBoundToken({ ...(await pods.run(name)), audience });
    const caller = await connectCaller(site.files);
    caller.send(hello(token));
    await caller.event('welcome');
    return caller;
  };
  const recordsOf = async (pod: string, action: string) =>
    (await site.auditRecords()).filter(
      (record) => valueAt(record, 'pod') === pod && valueAt(record, 'action') === action,
    );

  describe('a first session', () => {
    let caller: Caller;
    let refusals = 0;
    beforeAll(async () => {
      caller = await connectPod('unlucky');
    });

    /** The last of as many records as there were refusals. */
    const expectFailure = async (code: ErrorCode) => {
      const failures = async () =>
        (await recordsOf('shop/unlucky', 'open')).filter((record) => valueAt(record, 'outcome') === 'failed');
      await waitFor('the record', async () => (await failures()).length === refusals);
      expect((await failures()).at(-1)).toMatchObject({ code, bundle: 'app' });
    };
    const everything = () => true;
    const rows: readonly [string, (request: { path: string }) => boolean, Fault, ErrorCode, boolean][] = [
      ['is out of order', everything, json(503), 'backend_unavailable', true],
      ['has an error of its own', everything, json(500), 'backend_rejected', true],
      [
        'is a gateway that says it is busy',
        everything,
        { kind: 'answer', ...html },
        'backend_lost_reply',
        true,
      ],
      [
        'is a page of something else',
        everything,
        { kind: 'answer', ...html, status: 200 },
        'backend_reply_invalid',
        false,
      ],
      ['drops the connection', isCreation, { kind: 'drop' }, 'backend_lost_reply', true],
      ['is cut in mid-answer, and has made a token', isCreation, { kind: 'cut' }, 'backend_lost_reply', true],
      ['does not answer', isCreation, { kind: 'silence' }, 'backend_timeout', true],
      ['cannot reach its database', isCredentialRead, json(500), 'backend_rejected', true],
      ['does not lengthen the first lease', isLeaseRenewal, json(503), 'backend_unavailable', true],
    ];
    it.each(rows)('is refused while the backend %s', async (_how, where, fault, code, hasRetry) => {
      faults.set((request) => (where(request) ? fault : undefined));
      caller.send(open('app'));
      const refused = await caller.event('refused', refusals);
      refusals += 1;
      expect(refused).toMatchObject({ bundle: 'app', code });
      expect(refused.retryAfterMs > 0).toBe(hasRetry);
      await expectFailure(code);
      expect(caller.events.map(({ kind }) => kind)).not.toContain('generation');
    });

    it('is refused with the wait that the backend asks for', async () => {
      faults.set(() => ({ ...json(429), headers: { 'retry-after': '7' } }));
      caller.send(open('app'));
      expect(await caller.event('refused', refusals)).toMatchObject({
        code: 'backend_throttled',
        retryAfterMs: 7_000,
      });
      refusals += 1;
      await expectFailure('backend_throttled');
    });

    it("is refused while the backend denies the broker's own token, and no longer", async () => {
      faults.set(() => json(403, ['permission denied']));
      caller.send(open('app'));
      expect(await caller.event('refused', refusals)).toMatchObject({ code: 'backend_denied' });
      refusals += 1;
      await expectFailure('backend_denied');
    });

    it('comes by itself when the trouble is over, and nothing of the others is left', async () => {
      const pod = await pods.run('patient');
      faults.set(() => json(503));
      await using holder = await hold(pod);
      await seen(holder, 'the refusal', async () =>
        holder.process.lastOutput().includes('backend_unavailable'),
      );
      expect(await holder.list()).toEqual([]);
      faults.set();
      const login = await loginOf(holder);
      expect(await canLogin(login)).toBe(true);
      await expectOnly(login);
    });
  });

  describe('a credential that is being made', () => {
    it('is never read twice on one token, and what a cut reply has left is revoked', async () => {
      await endOthers();
      const seenBefore = faults.seen.length;
      let cuts = 0;
      faults.set((request) => (isCredentialRead(request) && (cuts += 1) <= 2 ? { kind: 'cut' } : undefined));
      await using holder = await hold(await pods.run('cut'));
      const login = await loginOf(holder);
      const reads = faults.seen.slice(seenBefore).filter(isCredentialRead);
      expect(reads.slice(0, 3).map(({ fault }) => fault)).toEqual(['cut', 'cut', undefined]);
      expect(new Set(reads.map(({ token }) => token)).size).toBe(reads.length);
      expect(await canLogin(login)).toBe(true);
      await expectOnly(login);
    });

    it('comes although the backend is slow', async () => {
      faults.set((request) => (isCreation(request) ? { kind: 'late', ms: 1_000 } : undefined));
      await using holder = await hold(await pods.run('slow'));
      expect(await canLogin(await loginOf(holder))).toBe(true);
    });
  });

  describe('a session that stands', () => {
    it('keeps its files through renewals, a rotation and a look for new versions that fail, then catches up', async () => {
      await endOthers();
      const [renewed, rotated] = [await pods.run('renewed'), await pods.run('rotated')];
      await using first = await hold(renewed);
      await using second = await hold(rotated);
      const [kept, old] = [await loginOf(first), await loginOf(second)];
      const bornAt = performance.now();
      const texts = await Promise.all([first, second].map((holder) => holder.readFile('kv.json')));

      const troubles: readonly Fault[] = [
        json(503),
        json(429),
        json(500),
        { kind: 'answer', ...html },
        { kind: 'answer', ...html, status: 200 },
        { kind: 'drop' },
      ];
      let asked = 0;
      faults.set(() => troubles[(asked += 1) % troubles.length]);
      const rotate = await site.command('rotate', '--pod', 'shop/rotated', '--reason', 'drill', '--yes');
      expect(rotate.status, rotate.stderr).toBe(0);
      await site.parts.writeSecret(vaultPaths.exampleSecret, { username: 'another', password: 'value' });
      for (const holder of [first, second])
        await seen(holder, 'the word of the trouble', async () =>
          holder.process.lastOutput().includes('the broker reports trouble'),
        );
      expect([await first.readLogin(), await second.readLogin()]).toEqual([kept, old]);
      expect(await Promise.all([first, second].map((holder) => holder.readFile('kv.json')))).toEqual(texts);
      expect([await canLogin(kept), await canLogin(old)]).toEqual([true, true]);

      faults.set();
      await seen(first, 'the end of the trouble', async () =>
        first.process.lastOutput().includes('the trouble is over'),
      );
      for (const holder of [first, second])
        await seen(holder, 'the new version', async () =>
          ((await holder.readFile('kv.json')) ?? '').includes('another'),
        );
      const next = await loginOf(second, ({ username }) => username !== old.username);
      // Past the end that the credentials had when the trouble began.
      await waitFor(
        'the first ttl to pass',
        async () => performance.now() - bornAt > (ttlSeconds + 1) * 1000,
      );
      expect(await first.readLogin()).toEqual(kept);
      expect([await canLogin(kept), await canLogin(next)]).toEqual([true, true]);
      await seen(second, 'the old account to go', () => isGone(old));
      await expectOnly(kept, next);
    });

    const outages: readonly [string, ErrorCode, () => Promise<void>, () => Promise<void>][] = [
      ['is sealed', 'backend_sealed', () => site.parts.vault.seal(), () => site.parts.vault.unseal()],
      [
        'does not answer',
        'backend_timeout',
        async () => faults.set(() => ({ kind: 'silence' })),
        async () => faults.set(),
      ],
    ];
    it.each(outages)('that is revoked while the backend %s ends confirmed', async (how, code, begin, end) => {
      const name = how.replaceAll(' ', '-');
      await using kept = await hold(await pods.run(`stays-${name}`));
      await using holder = await hold(await pods.run(name));
      const [stays, login] = [await loginOf(kept), await loginOf(holder)];
      await begin();
      try {
        const args = ['--pod', `shop/${name}`, '--reason', 'drill', '--yes', '--wait', '1s'];
        const revoke = await site.command('revoke', ...args, '--output', 'json');
        expect(revoke.status, revoke.stderr).toBe(3);
        expect(valueAt(JSON.parse(revoke.stdout), 'outstandingCredentials')).toBe(2);
        await seen(holder, 'the files to go', async () => (await holder.list()).length === 0);
        expect(await canLogin(login)).toBe(true);
        expect(await kept.readLogin()).toEqual(stays);
        using caller = await connectPod(`late-${name}`);
        caller.send(open('app'));
        const refused = await caller.event('refused');
        expect(refused).toMatchObject({ code });
        expect(refused.retryAfterMs).toBeGreaterThan(0);
        await waitFor('the record', async () =>
          (await recordsOf(`shop/late-${name}`, 'open')).some((record) => valueAt(record, 'code') === code),
        );
      } finally {
        await end();
      }
      await seen(holder, 'the account to go', () => isGone(login));
      await seen(holder, 'the proof', async () => (await recordsOf(`shop/${name}`, 'settle')).length > 0);
      expect(await recordsOf(`shop/${name}`, 'settle')).toMatchObject([{ settlement: 'confirmed' }]);
      expect(await canLogin(stays)).toBe(true);
    });

    it('that is revoked by a request whose reply is lost ends confirmed', async () => {
      await endOthers();
      await using holder = await hold(await pods.run('lost'));
      const login = await loginOf(holder);
      let cuts = 0;
      faults.set(({ path }) =>
        path === '/v1/sys/leases/revoke' && (cuts += 1) === 1 ? { kind: 'cut' } : undefined,
      );
      const revoke = await site.command('revoke', '--pod', 'shop/lost', '--reason', 'drill', '--yes');
      expect(revoke.status, revoke.stderr).toBe(0);
      expect(await isGone(login)).toBe(true);
      expect(await recordsOf('shop/lost', 'settle')).toMatchObject([{ settlement: 'confirmed' }]);
    });

    it('goes on while the API server hangs, and no new one begins on old knowledge', async () => {
      const latePod = await pods.run('late');
      const lateToken = await site.one.createBoundToken({ ...latePod, audience });
      await using holder = await hold(await pods.run('held'));
      const login = await loginOf(holder);
      const watchAge = async () => {
        const text = await (await fetch(`${site.files.http}/metrics`)).text();
        return Number(/^leasehold_watch_age_seconds\{cluster="one"[^}]*\} (\S+)$/m.exec(text)?.[1]);
      };
      const refusals = async () =>
        (await recordsOf('shop/late', 'open')).filter(
          (record) =>
            valueAt(record, 'outcome') === 'refused' && valueAt(record, 'code') === 'workload_stale',
        );
      site.one.apiServer.signal('SIGSTOP');
      try {
        await waitFor('old knowledge', async () => (await watchAge()) > staleAfterSeconds);
        const renewalsBefore = faults.seen.filter(isLeaseRenewal).length;
        await using late = await startHolder({ site: site.files, token: lateToken });
        await seen(late, 'the refusal', async () =>
          late.process.lastOutput().includes('"code":"workload_stale"'),
        );
        await seen(late, 'its record', async () => (await refusals()).length > 0);
        await seen(
          holder,
          'a renewal',
          async () => faults.seen.filter(isLeaseRenewal).length > renewalsBefore,
        );
        expect(await late.list()).toEqual([]);
        expect(await recordsOf('shop/late', 'issue')).toEqual([]);
        expect(await holder.readLogin()).toEqual(login);
        site.one.apiServer.signal('SIGCONT');
        expect(await canLogin(await loginOf(late))).toBe(true);
        expect(await canLogin(login)).toBe(true);
      } finally {
        site.one.apiServer.signal('SIGCONT');
      }
    });
  });
});
