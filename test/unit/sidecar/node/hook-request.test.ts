import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasCode } from '../../../../src/platform/error.ts';
import { readSeenJob } from '../../../../sidecar/node/seen-job.ts';
import { createRequestReader, hookLimits, type HookRequest } from '../../../../src/platform/hook-request.ts';

const good = {
  SLURM_CLUSTER_NAME: 'one',
  SLURMD_NODENAME: 'n1',
  SLURM_JOB_ID: '7',
  SLURM_JOB_UID: '1000',
  SLURM_JOB_GID: '100',
};

function encode(verb: string, variables: Readonly<Record<string, string>>): Buffer {
  const entries = Object.entries(variables).map(([name, value]) => `${name}=${value}\0`);
  return Buffer.from(`leasehold/1 ${verb}\n${entries.join('')}\0`);
}

/** Fed in pieces of that size. */
function read(bytes: Uint8Array, size = bytes.byteLength): HookRequest | undefined {
  const reader = createRequestReader();
  let request: HookRequest | undefined;
  for (let at = 0; at < bytes.byteLength; at += size) request = reader(bytes.subarray(at, at + size));
  return request;
}

const request = (variables: Readonly<Record<string, string>>): HookRequest => ({
  verb: 'prolog',
  variables: new Map(Object.entries(variables)),
});
const refused = (work: () => unknown) => {
  expect(work).toThrow(expect.objectContaining({ code: 'request_invalid' }));
};

describe('createRequestReader', () => {
  it.each([
    ['another protocol', Buffer.from('GET / HTTP/1.1\n')],
    ['another version', Buffer.from('leasehold/2 prolog\n\0')],
    ['no end of the first line', Buffer.alloc(65, 0x61)],
    ['bytes after the end', Buffer.concat([encode('prolog', good), Buffer.from('x')])],
    ['a variable without a name', Buffer.from('leasehold/1 prolog\n=x\0\0')],
    ['a variable without =', Buffer.from('leasehold/1 prolog\nA\0\0')],
    ['a variable that stands twice', Buffer.from('leasehold/1 prolog\nA=1\0A=2\0\0')],
    [
      'a value that Slurm wrote and that is not UTF-8',
      Buffer.from('leasehold/1 prolog\nSLURM_JOB_USER=k\xff\0\0', 'latin1'),
    ],
    ['more than the limit', Buffer.alloc(hookLimits.maxBytes + 1, 0x61)],
    [
      'too many variables',
      encode('prolog', Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`A${index}`, '']))),
    ],
  ])('refuses %s', (_name, bytes) => refused(() => read(bytes)));

  it('gives back what was sent, in whatever pieces it comes, and nothing before it is whole', () => {
    const value = fc
      .string({ unit: 'grapheme' })
      .filter((text) => !text.includes('\0') && text.isWellFormed());
    const name = fc.stringMatching(/^[A-Z][A-Z0-9_]{0,20}$/);
    const all = fc.dictionary(name, value, { maxKeys: 20 });
    fc.assert(
      fc.property(all, fc.integer({ min: 1, max: 40 }), (variables, size) => {
        const bytes = encode('epilog', variables);
        const got = read(bytes, size);
        expect(got?.verb).toBe('epilog');
        expect(new Map(got?.variables)).toEqual(new Map(Object.entries(variables)));
        expect(read(bytes.subarray(0, -1), size)).toBeUndefined();
      }),
    );
  });

  it('fails for nothing that a user can write, and still finds a wish among it', () => {
    const written = fc.constantFrom('SPANK_LEASEHOLD', 'SLURM_JOB_COMMENT', 'SLURM_JOB_ACCOUNT');
    // No process can be given a NUL.
    const bytes = fc.uint8Array({ min: 1, max: 255, maxLength: 300 });
    fc.assert(
      fc.property(written, bytes, fc.integer({ min: 1, max: 40 }), (name, value, size) => {
        const body = encode('prolog', good).subarray(0, -1);
        const whole = Buffer.concat([body, Buffer.from(`${name}=`), value, Buffer.from('\0\0')]);
        const got = read(whole, size);
        expect(got && readSeenJob(got)).toMatchObject({ job: 7, uid: 1000, node: 'n1' });
      }),
    );
    const comment = Buffer.from('f\xfcr leasehold=db,k\xe9y,key f\xfcnf', 'latin1');
    const got = read(
      Buffer.concat([Buffer.from('leasehold/1 prolog\nSLURM_JOB_COMMENT='), comment, Buffer.from('\0\0')]),
    );
    expect(
      got && readSeenJob({ ...got, variables: new Map([...Object.entries(good), ...got.variables]) }),
    ).toMatchObject({ facts: { requested: ['db', 'key'] } });
  });

  it('answers any bytes with a request, with waiting, or with request_invalid', () => {
    const start = fc.constantFrom('', 'leasehold/1 prolog\n', 'leasehold/1 prolog\nA=1\0');
    fc.assert(
      fc.property(
        start,
        fc.uint8Array({ maxLength: 200 }),
        fc.integer({ min: 1, max: 9 }),
        (head, tail, size) => {
          try {
            read(Buffer.concat([Buffer.from(head), tail]), size);
          } catch (error) {
            expect(hasCode(error, 'request_invalid')).toBe(true);
          }
        },
      ),
    );
  });
});

describe('readSeenJob', () => {
  it.each([
    ...Object.keys(good).map((name): [string, string, string] => [name, '', 'nothing']),
    ['SLURM_JOB_ID', '0', 'zero'],
    ['SLURM_JOB_ID', '-1', 'a sign'],
    ['SLURM_JOB_ID', '07', 'a leading zero'],
    ['SLURM_JOB_ID', '../7', 'a path'],
    ['SLURM_JOB_ID', '4294967295', 'more than there can be'],
    ['SLURM_JOB_UID', '1e3', 'an exponent'],
    ['SLURM_JOB_GID', '4294967295', 'no id'],
    ['SLURMD_NODENAME', 'n1/../x', 'a path'],
    ['SLURM_CLUSTER_NAME', 'a\nb', 'a line break'],
    ['SLURM_JOB_SLUID', '../x', 'a path'],
  ])('refuses %s %j: %s', (name, value) => refused(() => readSeenJob(request({ ...good, [name]: value }))));

  it('takes what an old Slurm leaves out as unknown', () => {
    expect(readSeenJob(request({ ...good, SLURM_JOB_START_TIME: '0' }))).toEqual({
      cluster: 'one',
      node: 'n1',
      job: 7,
      uid: 1000,
      gid: 100,
      restarts: undefined,
      start: undefined,
      sluid: undefined,
      het: undefined,
      facts: {
        user: undefined,
        group: undefined,
        partition: undefined,
        account: undefined,
        qos: undefined,
        nodes: ['n1'],
        isArrayTask: undefined,
        requested: [],
      },
    });
  });

  it('knows what a matcher asks for, and takes what looks otherwise than Slurm writes it for unknown', () => {
    const facts = (more: Readonly<Record<string, string>>) =>
      readSeenJob(request({ ...good, SLURM_JOB_USER: 'kim', SLURM_JOB_PARTITION: 'gpu', ...more })).facts;
    expect(facts({ SLURM_JOB_ACCOUNT: 'physics' })).toMatchObject({
      user: 'kim',
      partition: 'gpu',
      account: 'physics',
    });
    for (const user of ['nobody', '1000', '', 'a:b', 'a\nb'])
      expect(facts({ SLURM_JOB_USER: user }).user).toBeUndefined();
    for (const odd of ['', '(null)', 'gpu,cpu', 'a b', 'x'.repeat(256)])
      expect(facts({ SLURM_JOB_PARTITION: odd, SLURM_JOB_ACCOUNT: odd })).toMatchObject({
        partition: undefined,
        account: undefined,
      });
    expect(facts({ SLURM_JOB_COMMENT: 'please leasehold=db,../x now' }).requested).toEqual(['db']);
    expect(facts({ SPANK_LEASEHOLD: 'key' }).requested).toEqual(['key']);
  });

  it('knows the first component of a heterogeneous job from the others', () => {
    expect(readSeenJob(request({ ...good, SLURM_HET_JOB_ID: '5' })).het).toBe(5);
    expect(readSeenJob(request({ ...good, SLURM_HET_JOB_ID: '7' })).het).toBeUndefined();
    refused(() => readSeenJob(request({ ...good, SLURM_HET_JOB_ID: '../5' })));
  });
});
