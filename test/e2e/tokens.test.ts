import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../src/platform/error.ts';
import { Secret } from '../../src/platform/secret.ts';
import { numberAt, textAt, valueAt } from '../support/json.ts';
import type { TestPod } from '../support/parts/kubernetes-objects.ts';
import { waitFor } from '../support/parts/wait-until-ready.ts';
import { describeWith } from '../support/require.ts';
import type { Caller } from './caller.ts';
import { connectCaller, hello, open } from './caller.ts';
import { connectDeafCaller } from './deaf-caller.ts';
import type { Claims } from './forged-token.ts';
import { claimsOf, forgeToken } from './forged-token.ts';
import { startHolder } from './holder.ts';
import type { Site } from './site.ts';
import { startSite } from './site.ts';
import { audience } from './site-files.ts';

/** What a broker or a caller that stands still for a moment does not exceed. */
const firstMessageMs = 6_000;

describeWith(['vault', 'postgres', 'kubernetes'], 'a caller on a real site', () => {
  let site: Site;
  let pod: TestPod;
  let token: string;
  /** Refusals of strangers, by code: what the log must add up to in the end. */
  const refusals = new Map<ErrorCode, number>();

  const runPod = async (name: string, serviceAccount = 'app'): Promise<TestPod> => {
    const made = await site.one.createPod({ namespace: 'shop', name, serviceAccount });
    await site.one.setPodStatus({ ...made, phase: 'Running' });
    return made;
  };
  const tokenOf = (of: TestPod) => site.one.createBoundToken({ ...of, audience });
  const boundTo = async (ref: object): Promise<string> =>
    textAt(
      await site.one.call('POST', '/api/v1/namespaces/shop/serviceaccounts/app/token', {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { audiences: [audience], expirationSeconds: 3_600, boundObjectRef: ref },
      }),
      'status',
      'token',
    );
  /** The good token with these claims in place of its own, signed by the cluster's own key. */
  const forged = (claims: Claims, key?: string) =>
    forgeToken({ token, cluster: site.one, claims, ...(key === undefined ? {} : { key }) });
  const recordsOf = async (action: string, code: ErrorCode) =>
    (await site.auditRecords()).filter(
      (record) => valueAt(record, 'action') === action && valueAt(record, 'code') === code,
    );

  beforeAll(async () => {
    site = await startSite({ limits: { firstMessageMs } });
    pod = await runPod('good');
    token = await tokenOf(pod);
  });
  afterAll(async () => {
    await site[Symbol.asyncDispose]();
  });

  /** The reply, the record of the first of its kind, and nothing asked of Vault. */
  const expectStranger = async (code: ErrorCode, say: (caller: Caller) => void): Promise<void> => {
    const requestsBefore = await site.vaultRequests();
    using caller = await connectCaller(site.files);
    say(caller);
    expect(await caller.ended).toEqual({ code, retryAfterMs: undefined });
    expect(caller.events).toEqual([]);
    refusals.set(code, (refusals.get(code) ?? 0) + 1);
    const [first] = await recordsOf('attach', code);
    expect(first).toMatchObject({ outcome: 'refused', peer: '127.0.0.1' });
    expect(valueAt(first, 'actor')).toBeUndefined();
    expect(await site.vaultRequests()).toEqual(requestsBefore);
  };
  const expectRefusedToken = (shown: string, code: ErrorCode) =>
    expectStranger(code, (caller) => caller.send(hello(shown)));

  describe('that proves nothing', () => {
    it('is refused when its stream never opens', () => expectStranger('deadline_exceeded', () => undefined));

    it('is refused when it closes its side without a token', () =>
      expectStranger('credential_missing', (caller) => caller.finish()));

    it('is refused with an empty token', () => expectRefusedToken('', 'credential_missing'));

    it('is refused when it asks for a bundle before it has shown a token', () =>
      expectStranger('request_invalid', (caller) => caller.send(open('app'))));

    it('is refused with a message that is too long', () =>
      expectRefusedToken('a'.repeat(100_000), 'request_invalid'));

    it('is refused with more than any token has', () =>
      expectRefusedToken(`${token}${'A'.repeat(20_000)}`, 'credential_malformed'));

    it.each([
      ['in another case', ['Leasehold']],
      ['with a space behind it', ['leasehold ']],
      ['with a slash behind it', ['leasehold/']],
      ['as a URL', ['https://leasehold']],
      ['cut short', ['leasehol']],
      ['with more behind it', ['leasehold2']],
      ['in one string with another', ['other,leasehold']],
      ['with a letter that looks the same', ['l\u0435asehold']],
      ['as a pattern', ['*', 'leasehold*']],
      ['of the API server', []],
    ])('is refused with a token whose audience is ours %s', async (_how, audiences) => {
      const reply = await site.one.call('POST', '/api/v1/namespaces/shop/serviceaccounts/app/token', {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { audiences, boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: pod.name, uid: pod.uid } },
      });
      await expectRefusedToken(textAt(reply, 'status', 'token'), 'credential_wrong_audience');
    });

    it('is refused with a token that is bound to a Secret', async () => {
      const secret = await site.one.call('POST', '/api/v1/namespaces/shop/secrets', {
        metadata: { name: 'holds-a-token' },
      });
      const uid = textAt(secret, 'metadata', 'uid');
      const shown = await boundTo({ apiVersion: 'v1', kind: 'Secret', name: 'holds-a-token', uid });
      expect(valueAt(claimsOf(shown), 'kubernetes.io', 'secret', 'uid')).toBe(uid);
      await expectRefusedToken(shown, 'credential_not_bound');
    });

    it('is refused with a token that is bound to a Node alone', async () => {
      const uid = textAt(await site.one.call('GET', '/api/v1/nodes/node-1'), 'metadata', 'uid');
      const shown = await boundTo({ apiVersion: 'v1', kind: 'Node', name: 'node-1', uid });
      expect(valueAt(claimsOf(shown), 'kubernetes.io', 'node', 'uid')).toBe(uid);
      await expectRefusedToken(shown, 'credential_not_bound');
    });

    it.each<[string, ErrorCode, (now: number) => Claims]>([
      ['has expired', 'credential_expired', (now) => ({ iat: now - 900, nbf: now - 900, exp: now - 60 })],
      [
        'is not valid yet',
        'credential_not_yet_valid',
        (now) => ({ iat: now, nbf: now + 300, exp: now + 900 }),
      ],
      [
        'was issued in the future',
        'credential_not_yet_valid',
        (now) => ({ iat: now + 300, nbf: now, exp: now + 900 }),
      ],
    ])('is refused with a token of the cluster that %s', async (_how, code, times) => {
      await expectRefusedToken(await forged(times(Math.floor(Date.now() / 1000))), code);
    });

    it.each([
      ['with a slash behind it', 'https://one.example/'],
      ['in another case', 'https://One.example'],
      ['without TLS', 'http://one.example'],
      ['with a port', 'https://one.example:443'],
      ['of a stranger', 'https://three.example'],
    ])('is refused with a token of the same key whose issuer is ours %s', async (_how, iss) => {
      await expectRefusedToken(await forged({ iss }), 'credential_unknown_issuer');
    });

    it('is refused with a token of one cluster that names the other as its issuer', async () => {
      await expectRefusedToken(await forged({ iss: site.two.issuer }), 'credential_unknown_key');
    });

    it('is refused with a token that a stranger signed under the key id of the cluster', async () => {
      const { privateKey } = generateKeyPairSync('rsa', {
        modulusLength: 2048,
        privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
        publicKeyEncoding: { type: 'spki', format: 'pem' },
      });
      await expectRefusedToken(await forged({}, privateKey), 'credential_bad_signature');
    });

    // Without this the cases above could be refused for how they were made.
    it('is let in with a token that was signed again and says the same', async () => {
      const again = await forged({});
      using caller = await connectCaller(site.files);
      caller.send(hello(again));
      expect((await caller.event('welcome')).workload).toContain(pod.uid);
    });
  });

  describe('that has proved itself', () => {
    it('is refused a bundle that nobody knows, as if it had no grant, without a call to Vault', async () => {
      const requestsBefore = await site.vaultRequests();
      using caller = await connectCaller(site.files);
      caller.send(hello(token));
      caller.send(open('nothing-of-that-name'));
      expect(await caller.event('refused')).toMatchObject({
        bundle: 'nothing-of-that-name',
        code: 'not_granted',
        retryAfterMs: 0,
      });
      await waitFor('the record', async () => (await recordsOf('open', 'bundle_unknown')).length === 1);
      expect((await recordsOf('open', 'bundle_unknown'))[0]).toMatchObject({
        outcome: 'refused',
        pod: 'shop/good',
        bundle: 'nothing-of-that-name',
      });
      expect(await site.vaultRequests()).toEqual(requestsBefore);
    });

    it('gets nothing, and does nothing, with the session of another workload', async () => {
      const owner = await runPod('owner');
      await using holder = await startHolder({ site: site.files, token: await tokenOf(owner) });
      await waitFor('the files', async () => (await holder.readLogin()) !== undefined);
      const login = await holder.readLogin();
      const listed = await site.command('session', 'list', '--pod', 'shop/owner', '--output', 'json');
      const session = textAt(JSON.parse(listed.stdout), 'sessions', '0', 'id');
      const generation = (await holder.readFile('generation'))?.trim().split(' ')[1] ?? '';
      const thief = await runPod('thief');
      const thiefToken = await tokenOf(thief);
      const records = async () =>
        (await recordsOf('open', 'session_unknown')).filter(
          (record) => valueAt(record, 'pod') === 'shop/thief',
        );

      using asking = await connectCaller(site.files);
      asking.send(hello(thiefToken));
      asking.send(open('app', { session, generation }));
      expect(await asking.event('refused')).toMatchObject({ bundle: 'app', code: 'session_unknown' });
      await waitFor('the record', async () => (await records()).length > 0);
      expect(await records()).toMatchObject([{ bundle: 'app', outcome: 'refused' }]);
      for (const word of [
        { kind: 'delivered', session, generation },
        { kind: 'wiped', session },
        { kind: 'release', session },
      ] as const) {
        const before = (await records()).length;
        using telling = await connectCaller(site.files);
        telling.send(hello(thiefToken));
        await telling.event('welcome');
        telling.send(word);
        expect(await telling.ended).toEqual({ code: 'session_unknown', retryAfterMs: undefined });
        expect((await records()).length).toBe(before + 1);
      }
      // A token of another pod on a stream that stands, as a way to its session.
      using moving = await connectCaller(site.files);
      moving.send(hello(thiefToken));
      await moving.event('welcome');
      moving.send({ kind: 'credential', credential: Secret.ofText(await tokenOf(owner)) });
      expect(await moving.ended).toEqual({ code: 'credential_wrong_workload', retryAfterMs: undefined });
      expect(await recordsOf('attach', 'credential_wrong_workload')).toMatchObject([{ pod: 'shop/thief' }]);

      expect(await holder.readLogin()).toEqual(login);
      expect(login !== undefined && (await site.parts.roleExists(login.username))).toBe(true);
      const shown = await site.command('session', 'show', session, '--output', 'json');
      expect(textAt(JSON.parse(shown.stdout), 'session', 'state')).toBe('active');
      const issued = (await site.auditRecords()).filter((record) => valueAt(record, 'action') === 'issue');
      expect(issued.map((record) => valueAt(record, 'pod'))).not.toContain('shop/thief');
    });

    it('is cut off when it never reads, is no holder any more, and nobody else notices', async () => {
      const deafPod = await runPod('deaf');
      const deafToken = await tokenOf(deafPod);
      using deaf = await connectDeafCaller(site.files, [hello(deafToken), open('app')]);
      const recordsOfDeaf = async (action: string) =>
        (await site.auditRecords()).filter(
          (record) => valueAt(record, 'pod') === 'shop/deaf' && valueAt(record, 'action') === action,
        );
      await waitFor('its values to be on their way', async () => (await recordsOfDeaf('deliver')).length > 0);
      const listener = await tokenOf(await runPod('listener'));
      // Connected last of all: the first message is waited for only so long.
      using other = await connectCaller(site.files);
      other.send(hello(listener));
      other.send(open('app'));
      await other.event('generation');
      expect(await deaf.cut).toBe(0);
      await waitFor('its detachment', async () => {
        const listed = await site.command('session', 'list', '--pod', 'shop/deaf', '--output', 'json');
        return valueAt(JSON.parse(listed.stdout), 'sessions', '0', 'holders', '0', 'attached') === false;
      });
      expect(await site.brokerLog()).toContain('a client does not read, its connection is cut');
      expect(await recordsOfDeaf('delivered')).toEqual([]);
      // It may come back and read what it was lent.
      using back = await connectCaller(site.files);
      back.send(hello(deafToken));
      back.send(open('app'));
      expect((await back.event('generation')).secrets.length).toBeGreaterThan(0);
    });
  });

  it('has left a log with every credential that Vault was asked for, and with every stranger, recorded or counted', async () => {
    await site.stopBroker();
    const records = await site.auditRecords();
    const issued = records.filter((record) => valueAt(record, 'action') === 'issue');
    const asked = (await site.vaultRequests()).filter((path) => path === 'database/creds/app');
    expect(asked.length).toBe(issued.length);
    for (const [code, count] of refusals) {
      const alone = records.filter(
        (record) =>
          valueAt(record, 'action') === 'attach' &&
          valueAt(record, 'outcome') === 'refused' &&
          valueAt(record, 'code') === code,
      );
      const summaries = records.filter(
        (record) => valueAt(record, 'action') === 'refused_summary' && valueAt(record, 'code') === code,
      );
      const summed = summaries.reduce<number>((sum, record) => sum + numberAt(record, 'count'), 0);
      expect({ code, count: alone.length + summed }).toEqual({ code, count });
      // One in a window by itself, however many there were.
      expect(alone.length).toBeLessThanOrEqual(Math.max(1, summaries.length + 1));
    }
    const verify = await site.verifyAudit();
    expect(verify.status, verify.stderr).toBe(0);
  });
});
