import { createPrivateKey, X509Certificate } from 'node:crypto';
import { signMatchers } from '../../src/platform/matcher-signature.ts';
import type { SignedMatchers } from '../../src/rpc/client/signed-matchers.ts';
import type { RunMatcher } from '../../src/rpc/gen/leasehold/v1/RunMatcher.ts';
import { loadRunApi } from '../../src/rpc/proto.ts';
import { createTestCa, type KeyAndCertificate, type TestCa } from './certificates.ts';

const { serialize } = loadRunApi().leasehold.v1.RunMatcherSet;
const hour = 3_600_000;
const ages = { notBefore: new Date(Date.UTC(2000, 0, 1)), notAfter: new Date(Date.UTC(2049, 0, 1)) };

/** For tests whose clock stands at some other time. */
export const createAgelessCa = (): TestCa => createTestCa(ages);

/** DER of each certificate of a PEM file. */
export const chainOf = (pem: string): readonly Buffer[] =>
  (pem.match(/-----BEGIN [^-]*-----[^-]*-----END [^-]*-----/g) ?? []).map(
    (block) => new X509Certificate(block).raw,
  );

/** What a broker sends that has a certificate of this authority for an hour around the date. */
export function signedMatchers(options: {
  readonly ca: TestCa;
  readonly cluster: string;
  readonly issuedAt: number;
  readonly matchers: readonly RunMatcher[];
  /** The broker's own, where it is not that one; the chain in PEM. */
  readonly pair?: KeyAndCertificate;
}): SignedMatchers {
  const { ca, cluster, issuedAt: issuedAtMs } = options;
  const validity = {
    notBefore: new Date(issuedAtMs - hour / 2),
    notAfter: new Date(issuedAtMs + hour / 2),
  };
  const pair = options.pair ?? ca.issueServer(validity);
  const set = serialize({ cluster, policyRevision: 'r', issuedAtMs, matchers: [...options.matchers] });
  const signature = signMatchers(set, createPrivateKey(pair.key));
  if (signature === undefined) throw new Error('a key that cannot sign');
  return { set, signature, certificates: chainOf(pair.certificate) };
}
