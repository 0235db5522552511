import { createPrivateKey } from 'node:crypto';
import type { CertificateSet } from '../platform/certificate-files.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { signMatchers } from '../platform/matcher-signature.ts';
import { longestChain } from '../platform/server-chain.ts';
import type { PolicySource } from '../policy/policy-source.ts';
import type { GetRunMatchersResponse } from './gen/leasehold/v1/GetRunMatchersResponse.ts';
import type { RunMatcher } from './gen/leasehold/v1/RunMatcher.ts';
import type { SignedRunMatchers } from './gen/leasehold/v1/SignedRunMatchers.ts';
import { loadRunApi } from './proto.ts';

export interface MatchersOptions {
  readonly policy: PolicySource;
  /** What the listener serves with now: its key signs. */
  readonly certificate: () => CertificateSet;
  readonly clock: Clock;
  readonly log: Log;
}

/** Thousands of nodes that boot together ask at once: one signature serves all who ask within this time. */
const freshMs = 10_000;

/** Answers to GetRunMatchers, by the policy and the certificate of now. */
export function createMatchers(options: MatchersOptions): (cluster: string) => GetRunMatchersResponse {
  const { policy, clock, log } = options;
  const { serialize } = loadRunApi().leasehold.v1.RunMatcherSet;
  const last = new Map<
    string,
    { made: CertificateSet; answer: GetRunMatchersResponse; issuedAtMs: number }
  >();
  let refused: CertificateSet | undefined;

  function sign(set: Buffer, made: CertificateSet): SignedRunMatchers | undefined {
    const signature = signMatchers(set, createPrivateKey(made.key));
    if (signature !== undefined) return { set, signature, certificates: made.chain.slice(0, longestChain) };
    // Whoever asks goes by it while its process lives, as by an older broker's.
    if (refused !== made)
      log.error(
        'the key of this certificate cannot sign the matchers of runs: signers and nodes do not keep them',
        {
          listener: 'nodes',
        },
      );
    refused = made;
    return undefined;
  }

  return (cluster) => {
    const [made, issuedAtMs, policyRevision] = [options.certificate(), clock.now(), policy.revision];
    const known = last.get(cluster);
    const age = issuedAtMs - (known?.issuedAtMs ?? -Infinity);
    if (known?.made === made && known.answer.policyRevision === policyRevision && age >= 0 && age < freshMs)
      return known.answer;
    const matchers = policy.runGrants(cluster).map(({ name, runs }): RunMatcher => ({
      grant: name,
      users: [...(runs.user ?? [])],
      groups: [...(runs.group ?? [])],
      partitions: [...(runs.partition ?? [])],
      accounts: [...(runs.account ?? [])],
      qos: [...(runs.qos ?? [])],
      nodes: [...(runs.node ?? [])],
      ...(runs.array === undefined ? {} : { array: runs.array }),
    }));
    const signed = sign(serialize({ cluster, policyRevision, issuedAtMs, matchers }), made);
    const answer = { policyRevision, issuedAtMs, matchers, ...(signed === undefined ? {} : { signed }) };
    last.set(cluster, { made, answer, issuedAtMs });
    return answer;
  };
}
