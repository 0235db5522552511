import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FakeVault } from './fake-vault.ts';
import { errors, goodToken, json, startFakeVault } from './fake-vault.ts';
import type { OpenBackend } from './open-backend.ts';
import { everythingOf, openBackend } from './open-backend.ts';

const { signal } = new AbortController();

describe('the creation of a token', () => {
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
  const create = () => open.backend.createToken({ tokenRole: 'leasehold-app', intent: 'set_1', signal });
  const revocations = () =>
    vault.seen.filter(({ url }) => url.endsWith('revoke-accessor')).map(({ body }) => body);

  it.each([
    ['that breaks a rule', { ...goodToken, orphan: false }, 'not an orphan'],
    ['of another shape', { ...goodToken, lease_duration: 'long' }, 'shape'],
  ])('revokes a token %s at once, and says which role', async (_name, auth, rule) => {
    vault.on('auth/token/create/leasehold-app', json(200, { auth }));
    vault.on('auth/token/revoke-accessor', json(204, undefined));
    const error: unknown = await create().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'backend_reply_invalid',
      detail: `new token of role leasehold-app: ${rule}`,
    });
    expect(revocations()).toEqual(['{"accessor":"accessor-1"}']);
    expect(everythingOf(error)).not.toContain('canary');
  });

  it('logs the intent of a bad token that could not be revoked, so that it can be found', async () => {
    vault.on('auth/token/create/leasehold-app', json(200, { auth: { ...goodToken, orphan: false } }));
    vault.on('auth/token/revoke-accessor', errors(500));
    await expect(create()).rejects.toMatchObject({ code: 'backend_reply_invalid' });
    const line = open.logged.find((each) => each.includes('could not be revoked'));
    expect(line).toContain('"intent":"set_1"');
    expect(line).not.toContain('canary');
  });

  it('asks for exactly the probation, as text, with the intent in the metadata', async () => {
    vault.on('auth/token/create/leasehold-app', json(200, { auth: goodToken }));
    const { token, ttlSeconds, accessor } = await create();
    expect(vault.seen.at(-1)).toMatchObject({
      method: 'POST',
      url: '/v1/auth/token/create/leasehold-app',
      body: '{"ttl":"60s","meta":{"intent":"set_1"}}',
    });
    expect({ ttlSeconds, accessor }).toEqual({ ttlSeconds: 60, accessor: 'accessor-1' });
    expect(Buffer.from(token.open()).toString()).toBe(goodToken.client_token);
  });

  it('repeats a renewal with less, so that it ends when the first would have', async () => {
    let now = 0;
    const clock = {
      now: () => Date.now(),
      monotonic: () => now,
      sleep: async () => {
        now += 5000;
      },
      after: () => () => undefined,
    };
    await using patient = await openBackend(vault.address, { clock });
    const asked: string[] = [];
    vault.on('auth/token/renew-accessor', (response, request) => {
      asked.push(request.body);
      (asked.length === 1 ? errors(503) : json(200, { auth: { lease_duration: 95 } }))(response, request);
    });
    await patient.backend.renewToken({ accessor: 'a', incrementSeconds: 100, signal });
    expect(asked).toEqual(['{"accessor":"a","increment":100}', '{"accessor":"a","increment":95}']);
  });
});
