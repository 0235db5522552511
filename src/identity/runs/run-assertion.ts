import { compactVerify } from 'jose';
import { z } from 'zod';
import { accountName } from '../../platform/account-name.ts';
import { LeaseholdError } from '../../platform/error.ts';
import { sluidPattern } from '../../platform/sluid.ts';
import { clockLeewaySeconds } from '../claims.ts';
import type { RunIdentity } from '../identity.ts';
import type { KeySet } from '../keys.ts';
import { JsonRefused, parseStrictJson } from '../strict-json.ts';
import { headerRule, parseToken, type TokenRules } from '../token.ts';
import { runWorkload } from '../workload-name.ts';
import type { SlurmClusterConfig } from './slurm-cluster.ts';
import { slurmName } from './slurm-name.ts';

/** What a signer vouches for, verified. docs/slurm-protocol.md has the claims. */
export interface RunAssertion {
  readonly identity: RunIdentity;
  readonly restarts: number;
  /** Where Slurm has one. */
  readonly sluid: string | undefined;
  /** End by the time limit, milliseconds since the Unix epoch; undefined without one. */
  readonly endsAt: number | undefined;
  /** `jti`. */
  readonly id: string;
}

/** 65,536 node names of full length would be 16 MiB; no cluster has those. */
export const maxAssertionBytes = 3 * 1024 * 1024;
const longestLifeSeconds = 900;
const mostNodes = 65_536;

const rules: TokenRules = {
  maxBytes: maxAssertionBytes,
  maxDepth: 3,
  header: headerRule(['EdDSA', 'ES256'], z.literal('slurm-run+jwt')),
};

// Up to the year 2286; keeps the arithmetic exact and refuses milliseconds given as seconds.
const seconds = z.int().min(1).max(9_999_999_999);
const jobId = z.int().min(1).max(4_294_967_295);
const userOrGroup = z.string().regex(accountName);
const label = z.string().regex(/^[A-Za-z0-9._@+-]{0,255}$/);
/** Root's jobs get nothing: whoever is root on the node has everything there anyway, and a uid of 0 is what forgeries aim at. */
const id = z.int().min(1).max(4_294_967_294);

const claimsSchema = z.strictObject({
  iss: z.string(),
  aud: z.string(),
  iat: seconds,
  exp: seconds,
  jti: z.string().max(600),
  cluster: z.string().regex(slurmName),
  job_id: jobId,
  start: seconds,
  sluid: z.string().regex(sluidPattern).exactOptional(),
  restarts: z.int().min(0).max(65_535),
  array: z.strictObject({ job_id: jobId, task_id: z.int().min(0).max(4_294_967_294) }).exactOptional(),
  het: z.strictObject({ job_id: jobId, offset: z.int().min(0).max(65_535) }).exactOptional(),
  uid: id,
  gid: z.int().min(0).max(4_294_967_294),
  user: userOrGroup,
  group: userOrGroup,
  account: label,
  partition: label.min(1),
  qos: label,
  accounting_enforced: z.boolean(),
  nodes: z.array(z.string().regex(slurmName)).min(1).max(mostNodes),
  ends_at: z.int().min(0).max(9_999_999_999),
});

/**
 * Verifies a run assertion of one cluster. `now` in milliseconds since the Unix epoch. Throws a `credential_*` code, or `identity_unavailable`
 * when the cluster's keys cannot be read.
 */
export async function verifyRunAssertion(
  assertion: Uint8Array,
  options: {
    readonly cluster: SlurmClusterConfig;
    readonly keys: KeySet;
    readonly trustDomain: string;
    readonly now: number;
    readonly signal: AbortSignal;
  },
): Promise<RunAssertion> {
  const { cluster } = options;
  const token = parseToken(assertion, rules);
  if (token.claimedIssuer !== `slurm:${cluster.name}`) throw new LeaseholdError('credential_unknown_issuer');
  const { algorithm, key } = await options.keys.find(token.keyId, options.signal);
  if (token.algorithm !== algorithm)
    throw new LeaseholdError('credential_bad_signature', { detail: 'alg is not that of the key' });
  let payload: Uint8Array;
  try {
    ({ payload } = await compactVerify(token.compact, key, { algorithms: [algorithm] }));
  } catch (cause) {
    throw new LeaseholdError('credential_bad_signature', { cause });
  }
  return checked(payload, options);
}

function checked(
  payload: Uint8Array,
  options: { readonly cluster: SlurmClusterConfig; readonly trustDomain: string; readonly now: number },
): RunAssertion {
  const { cluster, trustDomain } = options;
  const claims = parseClaims(payload);
  const nowSeconds = options.now / 1000;
  if (claims.aud !== cluster.audience) throw new LeaseholdError('credential_wrong_audience');
  if (claims.cluster !== cluster.name)
    throw new LeaseholdError('credential_unknown_issuer', { detail: 'cluster is not that of the issuer' });
  if (claims.exp <= claims.iat || claims.exp - claims.iat > longestLifeSeconds)
    throw new LeaseholdError('credential_lifetime');
  if (claims.iat > nowSeconds + clockLeewaySeconds) throw new LeaseholdError('credential_not_yet_valid');
  if (claims.exp <= nowSeconds - clockLeewaySeconds) throw new LeaseholdError('credential_expired');
  if (claims.jti !== `${claims.cluster}/${claims.job_id}/${claims.start}`)
    throw malformed('jti is not that of the run');
  if (new Set(claims.nodes).size !== claims.nodes.length) throw malformed('nodes has a name twice');
  const { user, start } = claims;
  return {
    identity: {
      kind: 'run',
      workload: runWorkload(cluster.name, claims.job_id, start),
      spiffeId: `spiffe://${trustDomain}/slurm/${cluster.name}/user/${spiffeSegment(user)}/job/${claims.job_id}/run/${start}`,
      cluster: cluster.name,
      jobId: claims.job_id,
      start,
      array:
        claims.array === undefined ? undefined : { jobId: claims.array.job_id, taskId: claims.array.task_id },
      het: claims.het === undefined ? undefined : { jobId: claims.het.job_id, offset: claims.het.offset },
      uid: claims.uid,
      gid: claims.gid,
      user,
      group: claims.group,
      partition: claims.partition,
      account: claims.account,
      qos: claims.qos,
      accountingEnforced: claims.accounting_enforced,
      nodes: claims.nodes,
    },
    restarts: claims.restarts,
    sluid: claims.sluid,
    endsAt: claims.ends_at === 0 ? undefined : claims.ends_at * 1000,
    id: claims.jti,
  };
}

function parseClaims(payload: Uint8Array): z.infer<typeof claimsSchema> {
  let raw: unknown;
  try {
    raw = parseStrictJson(payload, rules);
  } catch (error) {
    throw malformed(`payload ${error instanceof JsonRefused ? error.message : 'unreadable'}`);
  }
  const parsed = claimsSchema.safeParse(raw);
  if (parsed.success) return parsed.data;
  // The claim's name is ours; zod's messages quote what they met.
  const path = parsed.error.issues[0]?.path[0];
  throw malformed(typeof path === 'string' ? `${path} breaks its rule` : 'claims break their rules');
}

/** SPIFFE allows letters, digits, `.`, `_` and `-` in a path segment; what else a name has is escaped unambiguously. */
function spiffeSegment(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9.-]/g, (sign) =>
    sign === '_' ? '_5f' : `_${sign.charCodeAt(0).toString(16)}`,
  );
}

function malformed(detail: string): LeaseholdError {
  return new LeaseholdError('credential_malformed', { detail });
}
