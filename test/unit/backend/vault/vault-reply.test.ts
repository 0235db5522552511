import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeReply } from '../../../../src/backend/vault/vault-reply.ts';
import { secretFromReply } from '../../../../src/backend/vault/read-secret.ts';
import { LeaseholdError } from '../../../../src/platform/error.ts';
import type { SecretSource } from '../../../../src/policy/bundle.ts';
import { everythingOf } from './open-backend.ts';

const reply = (status: number, text: string, type = 'application/json') => ({
  status,
  headers: { 'content-type': type },
  body: Buffer.from(text),
  receivedAt: 0,
});
const plain: SecretSource = { name: 's', kind: 'static', path: 'kv/s', engine: 'kv1' };
const kv2: SecretSource = { ...plain, engine: 'kv2' };
const read = (source: SecretSource, text: string) =>
  secretFromReply(source, judgeReply(reply(200, text), { missing: 'backend_not_found' }));
const textOf = (source: SecretSource, body: string) =>
  [...read(source, body).fields].map(([name, value]) => [name, Buffer.from(value.open()).toString()]);

describe('judgeReply', () => {
  it('throws only its own error, or answers, whatever arrives, and never quotes it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 100, max: 999 }),
        fc.oneof(fc.string(), fc.json()),
        fc.constantFrom('application/json', 'application/json; charset=utf-8', 'text/html', ''),
        (status, text, type) => {
          const marked = `${text}<canary>`;
          for (const body of [text, marked])
            try {
              judgeReply(reply(status, body, type), { missing: 'backend_not_found' });
            } catch (error) {
              expect(error).toBeInstanceOf(LeaseholdError);
              expect(everythingOf(error)).not.toContain('<canary>');
            }
        },
      ),
    );
  });

  it.each([
    '{"errors":["invalid lease"]}',
    '{"errors":["lease not found"]}',
    '{"errors":["1 error occurred:\\n\\t* invalid accessor\\n\\n"]}',
  ])('takes %s with status 400 for "gone", and with no other status', (text) => {
    expect(judgeReply(reply(400, text), { missing: 'backend_rejected' })).toEqual({ kind: 'gone' });
    for (const status of [403, 404, 405, 500])
      expect(() => judgeReply(reply(status, text), { missing: 'backend_rejected' })).toThrow(LeaseholdError);
    expect(() => judgeReply(reply(400, text, 'text/plain'), { missing: 'backend_rejected' })).toThrow(
      expect.objectContaining({ code: 'backend_reply_invalid' }),
    );
  });

  it('overwrites the bytes of a body that it has read', () => {
    const raw = reply(200, '{"data":{"password":"x"}}');
    judgeReply(raw, { missing: 'backend_rejected' });
    expect(raw.body.every((byte) => byte === 0)).toBe(true);
  });
});

describe('secretFromReply', () => {
  const wrapped = (data: string) => `{"lease_id":"","lease_duration":0,"renewable":false,"data":${data}}`;

  it.each([
    ['no data', plain, '{"lease_id":"","lease_duration":0,"renewable":false,"data":null}'],
    ['a list as data', plain, wrapped('["x"]')],
    ['no lease fields', plain, '{"data":{"a":"b"}}'],
    [
      'a wrapped reply',
      plain,
      '{"lease_id":"","lease_duration":0,"renewable":false,"data":{},"wrap_info":{"token":"t"}}',
    ],
    ['a deleted version', kv2, wrapped('{"data":null,"metadata":{"version":2}}')],
    ['no version', kv2, wrapped('{"data":{"a":"b"},"metadata":{}}')],
    ['KV version 1 where 2 is configured', kv2, wrapped('{"a":"b"}')],
  ])('refuses %s', (_name, source, text) => {
    expect(() => read(source, text)).toThrow(expect.objectContaining({ code: 'backend_reply_invalid' }));
  });

  it('keeps every field exactly: long numbers, nested ones, and names that objects have by themselves', () => {
    expect(
      textOf(
        plain,
        wrapped(
          '{"n":12345678901234567890,"f":1.0,"o":{"n":12345678901234567890},"__proto__":"p","constructor":"c","b":true,"z":null}',
        ),
      ),
    ).toEqual([
      ['n', '12345678901234567890'],
      ['f', '1.0'],
      ['o', '{"n":12345678901234567890}'],
      ['__proto__', 'p'],
      ['constructor', 'c'],
      ['b', 'true'],
      ['z', 'null'],
    ]);
  });

  it('gives a lease only where the reply has one', () => {
    expect(read(plain, wrapped('{"a":"b"}')).lease).toBeUndefined();
    const leased = '{"lease_id":"l/1","lease_duration":60,"renewable":true,"data":{"a":"b"}}';
    expect(read(plain, leased).lease).toEqual({ leaseId: 'l/1', ttlSeconds: 60, renewable: true });
  });
});
