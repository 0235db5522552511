import { beforeAll, describe, expect, it } from 'vitest';
import { X509Certificate } from 'node:crypto';
import { createRunVerifier, type KnownRun } from '../../../../src/identity/runs/run-verifier.ts';
import { aRunIdentity } from '../../../contract/ledger/runs-contract.ts';
import { createTestCa } from '../../../support/certificates.ts';

const [registered, earlier, later] = ['s5WCZ2JGZ0A101', 's5WCZ2JGZ0A100', 's5WCZ2JGZ0A102'];
const identity = aRunIdentity({ nodes: ['n1'] });
const signal = new AbortController().signal;
let certificate: Parameters<ReturnType<typeof createRunVerifier>>[0];

beforeAll(() => {
  const uri = 'spiffe://test/slurm/hpc/node/n1';
  const { certificate: pem } = createTestCa().issueClient({ commonName: 'n1', uri });
  const { raw, validFrom, validTo } = new X509Certificate(pem);
  certificate = { subjectaltname: `URI:${uri}`, raw, valid_from: validFrom, valid_to: validTo };
});

/** Node n1 of the run speaks of it so. */
const redeem = (reference: object, known: Partial<KnownRun> = {}) => {
  const run: KnownRun = {
    identity,
    state: 'active',
    bundles: ['db'],
    restarts: 0,
    sluid: registered,
    endsAt: undefined,
    ...known,
  };
  const verifier = createRunVerifier({
    runs: { findOfJob: () => Promise.resolve(run), admitNode: () => Promise.resolve(true) },
    trustDomain: 'test',
    clusters: new Set(['hpc']),
    now: () => Date.now(),
  })(certificate);
  const credential = Buffer.from(JSON.stringify({ job: 12, uid: 20_001, ...reference }));
  return verifier.verify(credential, { purpose: 'new', signal });
};

describe('a node that speaks of another SLUID than the registered run has', () => {
  it.each([earlier, later])('is told that its own run is not registered (%s)', async (sluid) => {
    await expect(redeem({ sluid })).rejects.toMatchObject({ code: 'workload_unknown' });
  });

  it('is told that its run has ended where it had that one named', async () => {
    await expect(redeem({ sluid: earlier, run: identity.workload })).rejects.toMatchObject({
      code: 'workload_ended',
    });
  });

  it.each(['', '../x', 'a'.repeat(65), 7, null])(
    'is refused whole where that is none (%j)',
    async (sluid) => {
      await expect(redeem({ sluid })).rejects.toMatchObject({ code: 'credential_malformed' });
    },
  );
});

it.each([
  ['the same', { sluid: registered }, {}],
  ['the same, and names the run', { sluid: registered, run: identity.workload }, {}],
  ['none, as an older agent', {}, {}],
  ['a later one, and names the run, which was resized', { sluid: later, run: identity.workload }, {}],
  ['one, and the run was registered without', { sluid: later }, { sluid: undefined }],
])('a node that speaks of %s redeems the run', async (_what, reference, known) => {
  expect(await redeem(reference, known)).toMatchObject({ identity, holder: 'n1' });
});
