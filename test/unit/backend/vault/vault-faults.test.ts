import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Backend } from '../../../../src/backend/backend.ts';
import { LeaseholdError } from '../../../../src/platform/error.ts';
import { Secret } from '../../../../src/platform/secret.ts';
import type { SecretSource } from '../../../../src/policy/bundle.ts';
import type { Answer, FakeVault } from './fake-vault.ts';
import { errors, goodSelf, json, startFakeVault } from './fake-vault.ts';
import type { OpenBackend } from './open-backend.ts';
import { everythingOf, hastyClock, openBackend, tokenCanary } from './open-backend.ts';

const canary = 'body-canary-5b1f';
const sessionToken = 'hvs.session-token-canary';
const leased: SecretSource = { name: 'db', kind: 'leased', path: 'database/creds/app', engine: 'read' };
const kv: SecretSource = { name: 'kv', kind: 'static', path: 'secret/data/app', engine: 'kv2' };
const { signal } = new AbortController();

const operations: Readonly<Record<string, (backend: Backend) => Promise<unknown>>> = {
  createToken: (backend) => backend.createToken({ tokenRole: 'leasehold-app', intent: 'i', signal }),
  'dynamic read': (backend) => backend.read({ token: Secret.ofText(sessionToken), source: leased, signal }),
  'static read': (backend) => backend.read({ token: Secret.ofText(sessionToken), source: kv, signal }),
  renewToken: (backend) => backend.renewToken({ accessor: 'a', incrementSeconds: 60, signal }),
  renewLease: (backend) => backend.renewLease({ leaseId: 'l', incrementSeconds: 60, signal }),
  lookupToken: (backend) => backend.lookupToken({ accessor: 'a', signal }),
  lookupLease: (backend) => backend.lookupLease({ leaseId: 'l', signal }),
  revokeLease: (backend) => backend.revokeLease({ leaseId: 'l', signal }),
  revokeToken: (backend) => backend.revokeToken({ accessor: 'a', signal }),
};
/** Sent once, whatever happens: a second one could make a second credential. */
const once = new Set(['createToken', 'dynamic read']);

const html =
  (status: number): Answer =>
  (response) => {
    response.writeHead(status, { 'content-type': 'text/html' });
    response.end(`<html>${canary}</html>`);
  };
const cutInBody: Answer = (response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '4096' });
  response.write(`{"data":{"password":"${canary}`);
  setImmediate(() => response.destroy());
};
const cutBeforeReply: Answer = (response) => void response.destroy();
const oversize: Answer = (response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(`{"data":{"password":"${canary}${'x'.repeat(2 * 1024 * 1024)}"}}`);
};

/** Fault, its answer, the code it becomes, and how often a repeatable call is sent. */
const table: readonly (readonly [string, Answer, string, number])[] = [
  ['sealed', errors(503, 'Vault is sealed'), 'backend_sealed', 1],
  ['sealed OpenBao', errors(503, 'OpenBao is sealed'), 'backend_sealed', 1],
  ['503 of something else', errors(503, canary), 'backend_unavailable', 3],
  ['503 page of a gateway', html(503), 'backend_unavailable', 3],
  ['403', errors(403, `permission denied ${canary}`), 'backend_denied', 1],
  ['429', json(429, { errors: [canary] }, { 'retry-after': '1' }), 'backend_throttled', 3],
  ['429 for longer than a retry waits', json(429, {}, { 'retry-after': '60' }), 'backend_throttled', 1],
  ['500', errors(500, `connection to database with password ${canary}`), 'backend_rejected', 1],
  ['a database that is down', errors(400, `failed to connect: ${canary}`), 'backend_rejected', 1],
  ['two errors, one of them "invalid lease"', errors(400, 'invalid lease', canary), 'backend_rejected', 1],
  [
    '"invalid lease" within another text',
    errors(400, `1 error occurred:\n\t* x invalid lease ${canary}\n\n`),
    'backend_rejected',
    1,
  ],
  ['502', html(502), 'backend_lost_reply', 3],
  ['504', html(504), 'backend_lost_reply', 3],
  ['501', errors(501, canary), 'backend_unavailable', 3],
  ['HTML with status 200', html(200), 'backend_reply_invalid', 1],
  ['HTML with status 400', html(400), 'backend_reply_invalid', 1],
  ['HTML with status 403', html(403), 'backend_reply_invalid', 1],
  ['HTML with status 404', html(404), 'backend_reply_invalid', 1],
  ['a JSON array', json(200, [canary]), 'backend_reply_invalid', 1],
  ['a cut in the middle of the reply', cutInBody, 'backend_lost_reply', 3],
  ['a cut before the reply', cutBeforeReply, 'backend_lost_reply', 3],
  ['a reply without end', oversize, 'backend_reply_invalid', 1],
  ['status 299', json(299, { data: canary }), 'backend_reply_invalid', 1],
];

describe('the Vault backend on a server that misbehaves', () => {
  let vault: FakeVault;
  let open: OpenBackend;
  beforeEach(async () => {
    vault = await startFakeVault();
    open = await openBackend(vault.address);
  });
  afterEach(async () => {
    await open[Symbol.asyncDispose]();
    await vault[Symbol.asyncDispose]();
  });

  const fails = async (operation: string, backend: Backend = open.backend): Promise<LeaseholdError> => {
    const outcome: unknown = await operations[operation]?.(backend).then(
      () => 'no failure',
      (error: unknown) => error,
    );
    expect(outcome).toBeInstanceOf(LeaseholdError);
    const printed = everythingOf(outcome) + open.logged.join('');
    for (const secret of [canary, sessionToken, tokenCanary]) expect(printed).not.toContain(secret);
    return LeaseholdError.from(outcome);
  };

  describe.each(Object.keys(operations))('%s', (operation) => {
    it.each(table)('meets %s', async (_name, answer, code, tries) => {
      vault.on('*', answer);
      expect(await fails(operation)).toMatchObject({ code });
      expect(vault.work()).toHaveLength(once.has(operation) ? 1 : tries);
    });

    it('does not follow a redirect to another host, with or without its token', async () => {
      await using elsewhere = await startFakeVault();
      for (const status of [301, 302, 303, 307, 308])
        vault.on('*', (response) => {
          response.writeHead(status, { location: `${elsewhere.address}/v1/sys/leases/lookup` });
          response.end();
        });
      expect(await fails(operation)).toMatchObject({ code: 'backend_reply_invalid' });
      expect(elsewhere.seen).toEqual([]);
      expect(vault.work()).toHaveLength(1);
    });

    it('says that nobody answers', async () => {
      const { address } = vault;
      await vault[Symbol.asyncDispose]();
      vault = await startFakeVault();
      await using alone = await openBackend(address);
      expect(await fails(operation, alone.backend)).toMatchObject({ code: 'backend_unavailable' });
    });
  });

  it('carries the time that the server asked for', async () => {
    vault.on('*', json(429, {}, { 'retry-after': '7' }));
    expect(await fails('createToken')).toMatchObject({ retryAfterMs: 7000 });
  });

  it('takes only a 404 of a read for "nothing there"', async () => {
    vault.on('*', errors(404));
    expect(await fails('static read')).toMatchObject({ code: 'backend_not_found' });
    for (const operation of ['lookupLease', 'lookupToken', 'renewLease', 'revokeLease', 'createToken'])
      expect(await fails(operation)).toMatchObject({ code: 'backend_rejected' });
  });

  it('does not believe a look-up that is about another lease or token', async () => {
    vault.on('sys/leases/lookup', json(200, { data: { id: 'another', ttl: 60 } }));
    vault.on('auth/token/lookup-accessor', json(200, { data: { accessor: 'another', ttl: 60 } }));
    for (const operation of ['lookupLease', 'lookupToken'])
      expect(await fails(operation)).toMatchObject({ code: 'backend_reply_invalid' });
  });

  describe('with a time limit of its own', () => {
    const silent: Answer = () => undefined;
    /** Limits of calls pass at once; those of connections, and the renewal of the broker's token, do not. */
    const impatient = {
      ...hastyClock,
      after: (ms: number, callback: () => void) =>
        hastyClock.after(ms > 10_000 && ms < 100_000 ? 150 : ms, callback),
    };

    it.each(Object.keys(operations))('%s gives up and is not sent again', async (operation) => {
      vault.on('*', silent);
      await using quick = await openBackend(vault.address, { clock: impatient });
      expect(await fails(operation, quick.backend)).toMatchObject({ code: 'backend_timeout' });
      expect(vault.work()).toHaveLength(1);
    });
  });

  it('lets a look-up go when its caller does, and a dynamic read or a creation run to its end', async () => {
    const caller = new AbortController();
    const held: (() => void)[] = [];
    vault.on('*', (response, request) => {
      held.push(() =>
        json(200, { lease_id: 'l', lease_duration: 60, renewable: true, data: { a: 'b' } })(
          response,
          request,
        ),
      );
      if (held.length === 2) caller.abort();
    });
    const token = Secret.ofText(sessionToken);
    const lookup = open.backend.lookupLease({ leaseId: 'l', signal: caller.signal });
    const read = open.backend.read({ token, source: leased, signal: caller.signal });
    await expect(lookup).rejects.toMatchObject({ code: 'cancelled' });
    for (const answer of held) answer();
    expect((await read).lease?.leaseId).toBe('l');
  });

  it('logs in again once when its token has died, and sends the refused call again', async () => {
    let answered = 0;
    vault.on('auth/token/lookup-self', (response, request) => {
      answered += 1;
      (answered === 1 ? errors(403, 'invalid token') : goodSelf)(response, request);
    });
    vault.on('sys/leases/lookup', (response, request) => {
      const good = json(200, { data: { id: 'l', ttl: 60 } });
      (vault.work().length === 1 ? errors(403, 'permission denied') : good)(response, request);
    });
    const lookup = open.backend.lookupLease({ leaseId: 'l', signal });
    expect(await lookup).toEqual({ present: true, ttlSeconds: 60 });
    expect(vault.work()).toHaveLength(2);
    // Once to confirm that the token is dead, once for the new login.
    expect(answered).toBe(2);
  });

  it('does not log in again when its token is good and the call is simply not allowed', async () => {
    vault.on('*', errors(403));
    expect(await fails('createToken')).toMatchObject({ code: 'backend_denied' });
    expect(vault.work()).toHaveLength(1);
  });
});
