import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeEnrolmentToken, parseEnrolmentToken } from '../../../src/identity/runs/enrolment-token.ts';

const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/);
const body = 'x'.repeat(43);

describe('an enrolment token', () => {
  it.each([
    ['', 'nothing'],
    [`leasehold-enrol/hpc/n1/${body}\n`, 'a line'],
    [`leasehold-enrol/hpc/n1/${body.slice(1)}`, 'too few characters'],
    [`leasehold-enrol/hpc/n1/${body}x`, 'too many'],
    [`leasehold-enrol/hpc//${body}`, 'no node'],
    [`leasehold-enrol/hpc/../${body}`, 'a node that is a path'],
    [`leasehold-enrol/hpc/n1/x/${body}`, 'one part more'],
    [`leasehold-enrol/hpc/n\u00001/${body}`, 'a zero byte'],
    [`other/hpc/n1/${body}`, 'another prefix'],
    [`leasehold-enrol/hpc/${'n'.repeat(256)}/${body}`, 'a name that is too long'],
    ['x'.repeat(1_000_000), 'a great deal'],
  ])('is not %j: %s', (text) => {
    expect(parseEnrolmentToken(Buffer.from(text))).toBeUndefined();
  });

  it('is read as what it was made for, is never the same twice, and prints nothing by itself', () => {
    fc.assert(
      fc.property(name, name, (cluster, node) => {
        const { token, ...claim } = makeEnrolmentToken({ cluster, node });
        expect(parseEnrolmentToken(token.open())).toEqual(claim);
        expect(claim.hash).not.toBe(makeEnrolmentToken({ cluster, node }).hash);
        expect(`${token.toString()}${JSON.stringify({ token })}`).not.toContain(node + '/');
      }),
    );
  });

  it('is any bytes at worst', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 2_000 }), (bytes) => !parseEnrolmentToken(bytes)));
  });
});
