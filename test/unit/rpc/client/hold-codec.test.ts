import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasCode } from '../../../../src/platform/error.ts';
import { Secret } from '../../../../src/platform/secret.ts';
import { decodeEvent, encodeCommand } from '../../../../src/rpc/client/hold-codec.ts';
import { createUnframer, frame } from '../../../../src/rpc/client/hold-framing.ts';
import type { HoldCommand } from '../../../../src/rpc/client/hold-messages.ts';
import type { HoldResponse } from '../../../../src/rpc/gen/leasehold/v1/HoldResponse.ts';
import { loadWorkloadApi } from '../../../../src/rpc/proto.ts';

/** What the definition itself says, by way of the library that the broker uses. */
const { Hold } = loadWorkloadApi().leasehold.v1.WorkloadService.service;
const encodeResponse = (response: HoldResponse) => Hold.responseSerialize(response);

const text = fc.string({ unit: 'grapheme' }).filter((value) => value.isWellFormed());
const count = fc.nat({ max: 2 ** 31 - 1 });
const time = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const bytes = fc.uint8Array({ minLength: 1 });

describe('encodeCommand', () => {
  const secret = bytes.map((value) => Secret.ofBytes(value));
  const commands: fc.Arbitrary<HoldCommand> = fc.oneof(
    fc.record({ kind: fc.constant('hello'), credential: secret, agent: text }),
    fc.record({
      kind: fc.constant('open'),
      bundle: text,
      requestKey: text,
      resume: fc.option(fc.record({ session: text, generation: text }), { nil: undefined }),
    }),
    fc.record({ kind: fc.constant('delivered'), session: text, generation: text }),
    fc.record({ kind: fc.constant('credential'), credential: secret }),
    fc.record({ kind: fc.constant('wiped'), session: text }),
    fc.record({ kind: fc.constant('release'), session: text }),
  );

  function expected(command: HoldCommand): object {
    switch (command.kind) {
      case 'hello':
        return { credential: Buffer.from(command.credential.open()), agent: command.agent };
      case 'credential':
        return { credential: Buffer.from(command.credential.open()) };
      case 'open':
        return {
          bundle: command.bundle,
          requestKey: command.requestKey,
          sessionId: command.resume?.session ?? '',
          generationId: command.resume?.generation ?? '',
        };
      case 'delivered':
        return { sessionId: command.session, generationId: command.generation };
      case 'wiped':
      case 'release':
        return { sessionId: command.session };
    }
  }

  it('is read by the definition as what was meant', () => {
    fc.assert(
      fc.property(commands, (command) => {
        const read = Hold.requestDeserialize(Buffer.from(encodeCommand(command)));
        expect(read.message).toBe(command.kind);
        expect(read[command.kind]).toEqual(expected(command));
      }),
    );
  });
});

describe('decodeEvent', () => {
  it('reads every kind that the definition writes', () => {
    fc.assert(
      fc.property(text, text, text, time, count, fc.boolean(), (a, b, c, at, small, flag) => {
        const read = (response: HoldResponse) => decodeEvent(encodeResponse(response));
        expect(read({ welcome: { spiffeId: a, workload: b, credentialExpiresAtMs: at } })).toEqual({
          kind: 'welcome',
          spiffeId: a,
          workload: b,
          credentialExpiresAt: at,
        });
        const run = { bundles: [a, b], uid: small, gid: 7, start: at, restarts: small };
        expect(read({ welcome: { spiffeId: a, workload: b, credentialExpiresAtMs: at, run } })).toEqual({
          kind: 'welcome',
          spiffeId: a,
          workload: b,
          credentialExpiresAt: at,
          run,
        });
        expect(read({ welcome: { run: {} } })).toMatchObject({ run: { bundles: [], uid: 0, start: 0 } });
        expect(
          read({
            opened: {
              bundle: a,
              sessionId: b,
              deadlineMs: at,
              outageMode: 'OUTAGE_MODE_WIPE',
              outageAfterSeconds: small,
              resumed: flag,
              leased: !flag,
            },
          }),
        ).toEqual({
          kind: 'opened',
          bundle: a,
          session: b,
          deadlineAt: at,
          outage: { mode: 'wipe', afterSeconds: small },
          resumed: flag,
          leased: !flag,
        });
        expect(read({ refused: { bundle: a, code: 'locked', message: b, retryAfterMs: small } })).toEqual({
          kind: 'refused',
          bundle: a,
          code: 'locked',
          retryAfterMs: small,
        });
        expect(read({ degraded: { sessionId: a, code: 'no such code', sinceMs: at } })).toEqual({
          kind: 'degraded',
          session: a,
          code: 'internal',
          since: at,
        });
        expect(read({ recovered: { sessionId: a } })).toEqual({ kind: 'recovered', session: a });
        expect(read({ credentialWanted: { byMs: at } })).toEqual({ kind: 'credential_wanted', by: at });
        expect(read({ redirect: { bundle: a, sessionId: b, address: c, epoch: small } })).toEqual({
          kind: 'redirect',
          bundle: a,
          session: b,
          address: c,
          epoch: small,
        });
      }),
    );
  });

  it.each([
    ['REVOKE_REASON_UNSPECIFIED', 'unknown'],
    ['REVOKE_REASON_ADMIN', 'admin'],
    ['REVOKE_REASON_LOCKED', 'locked'],
    ['REVOKE_REASON_WORKLOAD_ENDED', 'workload_ended'],
    ['REVOKE_REASON_DEADLINE', 'deadline'],
    ['REVOKE_REASON_RELEASED', 'released'],
    ['REVOKE_REASON_LOST', 'lost'],
    ['REVOKE_REASON_NOT_GRANTED', 'not_granted'],
  ] as const)('reads %s as %s', (reason, expected) => {
    expect(decodeEvent(encodeResponse({ revoked: { sessionId: 's', reason, mayReopen: true } }))).toEqual({
      kind: 'revoked',
      session: 's',
      reason: expected,
      mayReopen: true,
    });
  });

  it.each([
    ['OUTAGE_MODE_KEEP', 'keep'],
    ['OUTAGE_MODE_NOT_READY', 'not_ready'],
    ['OUTAGE_MODE_WIPE', 'wipe'],
    ['OUTAGE_MODE_UNSPECIFIED', 'keep'],
  ] as const)('reads %s as %s', (outageMode, mode) => {
    expect(decodeEvent(encodeResponse({ opened: { outageMode } }))).toMatchObject({ outage: { mode } });
  });

  it('reads a generation with any names and values', () => {
    const values = fc.dictionary(fc.oneof(text, fc.constant('__proto__')), fc.uint8Array());
    fc.assert(
      fc.property(
        fc.option(values),
        text,
        time,
        fc.option(count, { nil: undefined }),
        (fields, name, at, uid) => {
          const read = decodeEvent(
            encodeResponse({
              generation: {
                sessionId: 's',
                generationId: 'g',
                number: at,
                previousUntilMs: at,
                secrets: [
                  {
                    name,
                    ...(fields === null ? { unchanged: true } : { fields: { fields: copyOf(fields) } }),
                  },
                ],
                files: [
                  {
                    path: 'a',
                    mode: 0o440,
                    format: 'FILE_FORMAT_RAW',
                    secret: name,
                    field: 'f',
                    ...(uid === undefined ? {} : { uid }),
                  },
                  { path: 'b', mode: 0, format: 'FILE_FORMAT_JSON', secret: name },
                  { path: 'c', mode: 0, format: 'FILE_FORMAT_DOTENV', secret: name },
                  { path: 'd', mode: 0, format: 'FILE_FORMAT_TEMPLATE', template: name, gid: 0 },
                ],
              },
            }),
          );
          if (read?.kind !== 'generation') throw new Error('no generation');
          expect(read).toMatchObject({
            session: 's',
            generation: { id: 'g', number: at },
            previousUntil: at,
          });
          expect(read.files).toEqual([
            {
              path: 'a',
              mode: 0o440,
              content: { format: 'raw', secret: name, field: 'f' },
              ...(uid === undefined ? {} : { uid }),
            },
            { path: 'b', mode: 0, content: { format: 'json', secret: name } },
            { path: 'c', mode: 0, content: { format: 'dotenv', secret: name } },
            { path: 'd', mode: 0, content: { format: 'template', template: name }, gid: 0 },
          ]);
          const [secret] = read.secrets;
          expect(secret?.name).toBe(name);
          const found =
            secret?.fields === undefined
              ? undefined
              : [...secret.fields].map(([field, value]) => [field, [...value.open()]]);
          expect(found?.sort()).toEqual(
            fields === null
              ? undefined
              : Object.entries(copyOf(fields))
                  .map(([field, value]) => [field, [...value]])
                  .sort(),
          );
        },
      ),
    );
  });

  /** The library drops a field of this name, which no test of ours can hold against it. */
  function copyOf(fields: Record<string, Uint8Array>): Record<string, Uint8Array> {
    return Object.fromEntries(Object.entries(fields).filter(([name]) => name !== '__proto__'));
  }

  it('passes over kinds and fields that it does not know', () => {
    expect(decodeEvent(Buffer.from([0xd2, 0x06, 0x02, 0x08, 0x01]))).toBeUndefined();
    const more = Buffer.concat([
      encodeResponse({ recovered: { sessionId: 's' } }),
      Buffer.from([0xd0, 0x06, 0x01]),
    ]);
    expect(decodeEvent(more)).toEqual({ kind: 'recovered', session: 's' });
  });

  it('refuses a file format that it does not know', () => {
    const response = encodeResponse({
      generation: { files: [{ path: 'a', format: 'FILE_FORMAT_UNSPECIFIED' }] },
    });
    expect(() => decodeEvent(response)).toThrow(expect.objectContaining({ code: 'delivery_failed' }));
  });

  it('answers any bytes with an event, nothing, or one of two errors', () => {
    const nearly = fc.tuple(fc.nat(), fc.nat(255)).map(([at, byte]) => {
      const message = encodeResponse({
        generation: {
          sessionId: 's',
          secrets: [{ name: 'n', fields: { fields: { k: Buffer.from('v') } } }],
          files: [{ path: 'p', format: 'FILE_FORMAT_RAW' }],
        },
      });
      message[at % message.byteLength] = byte;
      return message;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), nearly), (message) => {
        try {
          decodeEvent(message);
        } catch (error) {
          expect(hasCode(error, 'internal', 'delivery_failed')).toBe(true);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('the frames of a stream', () => {
  it('come out whole, whatever pieces they arrive in, and leave nothing in the pieces', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array()),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        (messages, sizes) => {
          const received: number[][] = [];
          const take = createUnframer((message) => received.push([...message]));
          const wire = Buffer.concat(messages.map(frame));
          let offset = 0;
          for (let turn = 0; offset < wire.byteLength; turn += 1) {
            const size = sizes[turn % sizes.length] ?? 1;
            take(wire.subarray(offset, offset + size));
            offset += size;
          }
          expect(received).toEqual(messages.map((message) => [...message]));
          expect(wire.every((byte) => byte === 0)).toBe(true);
        },
      ),
    );
  });

  it('are refused when compressed or too large', () => {
    const take = () => createUnframer(() => undefined);
    expect(() => take()(Buffer.from([1, 0, 0, 0, 0]))).toThrow(expect.objectContaining({ code: 'internal' }));
    expect(() => take()(Buffer.from([0, 0xff, 0xff, 0xff, 0xff]))).toThrow(
      expect.objectContaining({ code: 'internal' }),
    );
  });
});
