import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { verifyRunAssertion } from '../../../../src/identity/runs/run-assertion.ts';
import { runClaims } from '../../../support/run-claims.ts';

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const now = 1_800_000_010_000;
const run = { jobId: 12, start: 1_800_000_000, nodes: ['n1'], iat: 1_800_000_000 };

/** What a broker makes of an assertion with these claims beside the usual ones. */
const verified = async (claims: Readonly<Record<string, unknown>> = {}) =>
  verifyRunAssertion(
    Buffer.from(
      await new SignJWT({ ...runClaims(run), ...claims })
        .setProtectedHeader({ alg: 'EdDSA', kid: 'k', typ: 'slurm-run+jwt' })
        .sign(privateKey),
    ),
    {
      cluster: {
        name: 'hpc',
        audience: 'leasehold',
        keys: { file: '/k' },
        endGraceSeconds: 1,
        absentAfterSeconds: 0,
      },
      keys: {
        find: () => Promise.resolve({ algorithm: 'EdDSA', key: publicKey }),
        ready: () => Promise.resolve(),
        size: () => 1,
        close: () => undefined,
      },
      trustDomain: 'test',
      now,
      signal: new AbortController().signal,
    },
  );

describe('the SLUID of an assertion', () => {
  it.each(['', ' ', '../x', 's5WCZ2JGZ0A100\n', 'a'.repeat(65), 'ß', 12, null, ['s1']])(
    'is refused where it is none (%j)',
    async (sluid) => {
      await expect(verified({ sluid })).rejects.toMatchObject({
        code: 'credential_malformed',
        detail: 'sluid breaks its rule',
      });
    },
  );

  it('is taken as it stands, and what it says of the run besides stays the same', async () => {
    const { sluid, ...others } = await verified({ sluid: 's5WCZ2JGZ0A100' });
    expect(sluid).toBe('s5WCZ2JGZ0A100');
    const { sluid: none, ...without } = await verified();
    expect(none).toBeUndefined();
    // Neither key, nor SPIFFE id, nor jti hang on it: both controllers of a pair name a run alike, with it or without.
    expect(others).toEqual(without);
    expect(others).toMatchObject({
      id: 'hpc/12/1800000000',
      identity: { workload: 'run/hpc/12/1800000000' },
    });
  });

  it('of any text is taken or refused, and nothing else is made of it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.stringMatching(/^[A-Za-z0-9]{1,64}$/)), async (sluid) => {
        const outcome = await verified({ sluid }).catch((error: unknown) => error);
        if (/^[A-Za-z0-9]{1,64}$/.test(sluid)) expect(outcome).toMatchObject({ sluid });
        else expect(outcome).toMatchObject({ code: 'credential_malformed' });
      }),
      { numRuns: 50 },
    );
  });
});
