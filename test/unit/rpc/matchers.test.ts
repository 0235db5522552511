import { generateKeyPairSync } from 'node:crypto';
import { expect, it } from 'vitest';
import { parseCertificateSet } from '../../../src/platform/certificate-files.ts';
import { createLog } from '../../../src/platform/log.ts';
import { createPolicyCell } from '../../../src/policy/policy-cell.ts';
import { parsePolicy } from '../../../src/policy/policy-file.ts';
import { decodeRunMatchers } from '../../../src/rpc/client/fetch-matchers.ts';
import { openMatchers } from '../../../src/rpc/client/signed-matchers.ts';
import { createMatchers } from '../../../src/rpc/matchers.ts';
import { loadRunApi } from '../../../src/rpc/proto.ts';
import type { KeyAndCertificate } from '../../support/certificates.ts';
import { createAgelessCa } from '../../support/signed-matchers.ts';
import { createManualClock } from '../backend/manual-clock.ts';

const bundle = `
bundles:
  db:
    tokenRole: leasehold-db
    ttl: 10m
    maxTtl: 1d
    outage: { mode: keep }
    secrets: { database: { leased: database/creds/app } }
    files: { database.env: { secret: database, format: dotenv, mode: '0400' } }
grants:
`;
const policyOf = (partition: string) =>
  parsePolicy(`${bundle}  - { name: g, allow: db, runs: { cluster: hpc, partition: ${partition} } }\n`);

const validity = { notBefore: new Date(0), notAfter: new Date(Date.UTC(2049, 0, 1)) };

function createWorld() {
  const ca = createAgelessCa();
  const setOf = (pair: KeyAndCertificate) =>
    parseCertificateSet([Buffer.from(pair.certificate), Buffer.from(pair.key)]);
  const policy = createPolicyCell({ policy: policyOf('gpu'), revision: 'a' });
  const clock = createManualClock();
  const logged: string[] = [];
  let certificate = setOf(ca.issueServer(validity));
  const ask = createMatchers({
    policy,
    certificate: () => certificate,
    clock,
    log: createLog({
      level: 'info',
      name: 'broker',
      destination: { write: (line) => void logged.push(line) },
    }),
  });
  const { responseSerialize } = loadRunApi().leasehold.v1.RunService.service.GetRunMatchers;
  return {
    ca,
    policy,
    clock,
    logged,
    use: (pair: KeyAndCertificate) => (certificate = setOf(pair)),
    /** As it comes out of the wire. */
    answer: (cluster = 'hpc') => decodeRunMatchers(responseSerialize(ask(cluster))),
    open: (signed: ReturnType<typeof decodeRunMatchers>['signed'], cluster = 'hpc') =>
      openMatchers(signed ?? expect.unreachable(), {
        ca: Buffer.from(ca.certificate),
        names: ['localhost'],
        cluster,
      }),
  };
}

it('what a broker says of the runs of a cluster is signed for that cluster, and dated', () => {
  const { clock, answer, open } = createWorld();
  const { signed, matchers } = answer();
  expect(matchers).toMatchObject([{ partitions: ['gpu'] }]);
  expect(open(signed)).toEqual({ issuedAt: clock.now(), matchers });
  const other = answer('other');
  expect(other.matchers).toEqual([]);
  expect(open(other.signed, 'other')).toEqual({ issuedAt: clock.now(), matchers: [] });
  expect(() => open(other.signed)).toThrow();
});

it('is signed anew for another policy and another certificate at once, and for a new date after a while', () => {
  const { ca, clock, policy, use, answer, open } = createWorld();
  const first = answer();
  clock.advance(9_000);
  expect(answer()).toEqual(first);
  policy.replace(policyOf('cpu'), 'b');
  const second = answer();
  expect(open(second.signed)).toMatchObject({ issuedAt: clock.now(), matchers: [{ partitions: ['cpu'] }] });
  const pair = ca.issueServer(validity);
  use(pair);
  const third = answer();
  expect(third.signed?.certificates).not.toEqual(second.signed?.certificates);
  expect(open(third.signed)).toMatchObject({ issuedAt: clock.now() });
  clock.advance(10_000);
  expect(open(answer().signed)).toMatchObject({ issuedAt: clock.now() });
  // A clock that was set back does not keep an answer alive.
  clock.advance(-3_600_000);
  expect(open(answer().signed)).toMatchObject({ issuedAt: clock.now() });
});

it('comes with the authorities between, and unsigned, with a line in the log, of a key that signs handshakes alone', () => {
  const { ca, clock, logged, use, answer, open } = createWorld();
  const between = ca.issueAuthority(validity);
  const pair = between.issueServer(validity);
  use({ ...pair, certificate: pair.certificate + between.certificate });
  expect(open(answer().signed)).toMatchObject({ issuedAt: clock.now() });
  expect(logged).toEqual([]);
  const odd = generateKeyPairSync('rsa-pss', {
    modulusLength: 2_048,
    hashAlgorithm: 'sha512',
    mgf1HashAlgorithm: 'sha512',
  });
  use({
    certificate: ca.certifyServer(odd.publicKey, validity),
    key: odd.privateKey.export({ type: 'pkcs8', format: 'pem' }),
  });
  for (const cluster of ['hpc', 'other']) expect(answer(cluster).signed).toBeUndefined();
  expect(answer().matchers).toMatchObject([{ partitions: ['gpu'] }]);
  expect(logged).toHaveLength(1);
  expect(logged[0]).toContain('cannot sign the matchers');
});
