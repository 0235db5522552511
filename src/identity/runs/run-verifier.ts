import { z } from 'zod';
import { LeaseholdError } from '../../platform/error.ts';
import { isEarlierSluid, isOtherSluid, sluidPattern } from '../../platform/sluid.ts';
import type { IdentityVerifier, RunIdentity, VerifiedRun } from '../identity.ts';
import { JsonRefused, parseStrictJson } from '../strict-json.ts';
import { publicKeyDigest, type SlurmCertificate, slurmNameOf } from './slurm-name.ts';

/** A run that a signer has registered. */
export interface KnownRun extends VerifiedRun {
  readonly identity: RunIdentity;
  readonly sluid: string | undefined;
  readonly state: 'active' | 'ending' | 'ended';
}

/** What has been registered, and which keys nodes have shown. */
export interface KnownRuns {
  /** The run of that job that has not ended. */
  findOfJob(job: { readonly cluster: string; readonly jobId: number }): Promise<KnownRun | undefined>;
  /** False when the node is bound to another key. Recorded there. */
  admitNode(node: {
    readonly cluster: string;
    readonly node: string;
    readonly key: string;
    readonly notBefore: number;
  }): Promise<boolean>;
}

export interface RunVerifierOptions {
  readonly runs: KnownRuns;
  readonly trustDomain: string;
  /** Names of the configured batch clusters. */
  readonly clusters: ReadonlySet<string>;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
}

const referenceLimits = { maxBytes: 1024, maxDepth: 1 } as const;

const referenceSchema = z.strictObject({
  job: z.int().min(1).max(4_294_967_295),
  uid: z.int().min(0).max(4_294_967_294),
  run: z.string().max(600).exactOptional(),
  sluid: z.string().regex(sluidPattern).exactOptional(),
});

/**
 * Proves which run a compute node speaks for: node and cluster by the certificate of its connection, the run by what the signer registered. The
 * reference that the node sends is a claim; it must fit. Throws `credential_*`, `node_other_key` or `workload_*`.
 */
export function createRunVerifier(
  options: RunVerifierOptions,
): (certificate: SlurmCertificate | undefined) => IdentityVerifier<RunIdentity> {
  const { runs, trustDomain, clusters, now } = options;
  return (certificate) => ({
    verify: async (credential, { purpose }) => {
      const name = slurmNameOf(certificate, trustDomain);
      if (certificate === undefined || name?.kind !== 'node' || !clusters.has(name.cluster))
        throw new LeaseholdError('credential_unknown_issuer', {
          detail: 'the certificate names no node of a cluster that is configured',
        });
      const key = publicKeyDigest(certificate);
      const [notBefore, notAfter] = [Date.parse(certificate.valid_from), Date.parse(certificate.valid_to)];
      // A connection may outlive the certificate that opened it.
      if (notAfter <= now()) throw new LeaseholdError('credential_expired');
      const { cluster, node } = name;
      if (!(await runs.admitNode({ cluster, node, key, notBefore })))
        throw new LeaseholdError('node_other_key');
      const reference = parseReference(credential);
      const run = await runs.findOfJob({ cluster, jobId: reference.job });
      const unknown = (detail: string) => new LeaseholdError('workload_unknown', { detail });
      if (run === undefined)
        throw reference.run === undefined
          ? unknown('no run of this job is registered')
          : new LeaseholdError('workload_ended');
      const { identity } = run;
      if (!identity.nodes.includes(node)) throw unknown('the run has no such node');
      if (reference.run !== undefined && reference.run !== identity.workload)
        throw new LeaseholdError('workload_ended');
      // A job id that came back within one second. Who holds this run may have been told of it anew since it was resized.
      if (reference.run === undefined && isOtherSluid(reference.sluid, run.sluid))
        throw unknown('another run of this job is registered');
      if (isEarlierSluid(reference.sluid, run.sluid)) throw new LeaseholdError('workload_ended');
      if (reference.uid !== identity.uid)
        throw new LeaseholdError('credential_wrong_workload', { detail: 'uid is not that of the run' });
      if (run.state === 'ended') throw new LeaseholdError('workload_ended');
      if (run.state === 'ending' && purpose === 'new') throw new LeaseholdError('workload_terminating');
      return {
        identity,
        holder: node,
        holders: identity.nodes,
        credentialId: `${cluster}/${node}/${key.slice(0, 16)}`,
        credentialExpiresAt: notAfter,
        run: { bundles: run.bundles, restarts: run.restarts, endsAt: run.endsAt },
      };
    },
  });
}

function parseReference(credential: Uint8Array): z.infer<typeof referenceSchema> {
  const malformed = (detail: string) => new LeaseholdError('credential_malformed', { detail });
  let raw: unknown;
  try {
    raw = parseStrictJson(credential, referenceLimits);
  } catch (error) {
    throw malformed(`reference ${error instanceof JsonRefused ? error.message : 'unreadable'}`);
  }
  const parsed = referenceSchema.safeParse(raw);
  if (!parsed.success) throw malformed('reference breaks its rules');
  return parsed.data;
}
