import fc from 'fast-check';
import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { errorMessages, LeaseholdError, type ErrorCode } from '../../../src/platform/error.ts';
import { uriNames } from '../../../src/platform/certificate-uris.ts';
import { parseHoldRequest } from '../../../src/rpc/convert.ts';
import { loadWorkloadApi } from '../../../src/rpc/proto.ts';
import { codeTrailer, retryAfterTrailer, statusOf, toStatus } from '../../../src/rpc/status.ts';

const { requestDeserialize, requestSerialize } = loadWorkloadApi().leasehold.v1.WorkloadService.service.Hold;

describe('a message of a holder', () => {
  it('is taken apart into checked values, or refused without being repeated', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.string(),
        fc.string(),
        fc.string(),
        (bundle, requestKey, sessionId, generationId) => {
          const wire = requestSerialize({ open: { bundle, requestKey, sessionId, generationId } });
          try {
            const parsed = parseHoldRequest(requestDeserialize(wire));
            expect(parsed).toMatchObject({ kind: 'open', bundle, requestKey });
            expect(bundle).toMatch(/^[a-z0-9._-]{1,63}$/);
          } catch (error) {
            if (!(error instanceof LeaseholdError)) throw error;
            expect(error.code).toBe('request_invalid');
            expect(error.detail).toMatch(
              /^(bundle|request_key|session_id|generation_id): does not match its rule$/,
            );
          }
        },
      ),
    );
  });

  it('is never taken for more than it says, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        let message;
        try {
          message = requestDeserialize(Buffer.from(bytes));
        } catch {
          return;
        }
        try {
          parseHoldRequest(message);
        } catch (error) {
          expect(error).toBeInstanceOf(LeaseholdError);
        }
      }),
    );
  });

  it('cannot write control characters into a log by its agent', () => {
    const wire = requestSerialize({
      hello: { credential: Buffer.from('t'), agent: 'a\n\u001b[31mb'.padEnd(99, 'x') },
    });
    const parsed = parseHoldRequest(requestDeserialize(wire));
    expect(parsed).toMatchObject({
      kind: 'hello',
      agent: expect.stringMatching(/^a\[31mb[x]{1,60}$/) as string,
    });
  });
});

describe('the status table', () => {
  it('has a failing status for every code, with fixed text', () => {
    for (const code of Object.keys(errorMessages) as ErrorCode[]) {
      expect([code, statusOf[code]]).not.toEqual([code, status.OK]);
      expect([code, statusOf[code]]).not.toEqual([code, status.UNKNOWN]);
      const wire = toStatus(new LeaseholdError(code, { detail: 'canary', cause: new Error('canary') }));
      expect(wire.details).toBe(errorMessages[code]);
      expect(wire.metadata.getMap()).toEqual({ [codeTrailer]: code });
    }
  });

  it('says when to come back in whole milliseconds', () => {
    const { metadata } = toStatus(new LeaseholdError('overloaded', { retryAfterMs: 12.3 }));
    expect(metadata.get(retryAfterTrailer)).toEqual(['13']);
  });
});

describe('the URIs of a certificate', () => {
  it('are those that stand by themselves', () => {
    expect(uriNames('URI:spiffe://a/b, DNS:x, URI:spiffe://c')).toEqual(['spiffe://a/b', 'spiffe://c']);
    expect(uriNames('DNS:x, IP Address:127.0.0.1')).toEqual([]);
    expect(uriNames('')).toEqual([]);
  });

  it('are not made of pieces of another name', () => {
    expect(uriNames('URI:"x, URI:spiffe://a/b, URI:y"')).toEqual([]);
    expect(uriNames('DNS:"x, URI:spiffe://a", URI:spiffe://b')).toEqual(['spiffe://b']);
    expect(uriNames('DirName:"CN = \\"x\\", URI:spiffe://a"')).toEqual([]);
    expect(uriNames('URI:spiffe://b, URI:"never ends')).toEqual([]);
  });

  it('never include what only a quoted value holds', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (before, after) => {
        const quoted = JSON.stringify(`${before}, URI:spiffe://admin, ${after}`);
        expect(uriNames(`DNS:a, URI:${quoted}`)).not.toContain('spiffe://admin');
      }),
    );
  });
});
