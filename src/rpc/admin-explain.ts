import type { Audit } from '../audit/audit.ts';
import type { Identity, IdentityVerifier } from '../identity/identity.ts';
import type { SessionAdmin } from '../lease/sessions.ts';
import { LeaseholdError } from '../platform/error.ts';
import { parseId } from './convert-admin.ts';
import type { DescribedPod__Output } from './gen/leasehold/v1/DescribedPod.ts';
import type { DescribedRun__Output } from './gen/leasehold/v1/DescribedRun.ts';
import type { ExplainRequest__Output } from './gen/leasehold/v1/ExplainRequest.ts';
import type { ExplainResponse } from './gen/leasehold/v1/ExplainResponse.ts';

interface ExplainOptions {
  readonly admin: SessionAdmin;
  readonly verifier: IdentityVerifier;
  readonly audit: Audit;
  readonly trustDomain: string;
  readonly by: string;
  readonly signal: AbortSignal;
}

/** What would be decided for a credential or a described pod. A credential that is refused is an answer too, not an error. */
export async function explain(
  options: ExplainOptions,
  request: ExplainRequest__Output,
): Promise<ExplainResponse> {
  const { admin, by } = options;
  const bundle = parseId('bundle', request.bundle);
  let identity: Identity;
  if (request.who === 'pod') identity = describedIdentity(options.trustDomain, request.pod ?? null);
  else if (request.who === 'run') identity = describedRun(options.trustDomain, request.run ?? null);
  else {
    const outcome = await identify(options, request.credential ?? Buffer.alloc(0));
    if (outcome.identity === undefined) {
      const { code } = outcome.error;
      await options.audit.record({ action: 'explain', outcome: 'refused', code, actor: by, bundle });
      return { allowed: false, code };
    }
    identity = outcome.identity;
  }
  const { decision, refusedBy } = await admin.explain({ identity, bundle, by });
  return {
    allowed: decision.allowed && refusedBy === undefined,
    code: decision.allowed ? (refusedBy ?? '') : decision.code,
    rule: decision.rule ?? '',
    rules: decision.trace.map((trace) => ({ ...trace, failed: trace.failed ?? '' })),
    spiffeId: identity.spiffeId,
    nodeWithoutSecrets: identity.kind === 'run' && decision.allowed ? decision.bundle.nodeWithoutSecrets : '',
  };
}

async function identify(
  { verifier, signal }: ExplainOptions,
  credential: Uint8Array,
): Promise<
  | { readonly identity: Identity; readonly error?: never }
  | { readonly identity?: never; readonly error: LeaseholdError }
> {
  try {
    return { identity: (await verifier.verify(credential, { purpose: 'new', signal })).identity };
  } catch (error) {
    const known = LeaseholdError.from(error);
    if (/^(credential|workload)_/.test(known.code)) return { error: known };
    throw known;
  } finally {
    credential.fill(0);
  }
}

const longest = 253;
const digest = /^sha256:[0-9a-f]{64}$/;

/** A pod in words. Its workload id is that of no real pod, so no lock by UID and no tombstone can match it by accident. */
function describedIdentity(trustDomain: string, pod: DescribedPod__Output | null): Identity {
  const refuse = (detail: string) => new LeaseholdError('request_invalid', { detail });
  if (pod === null || pod.cluster === '' || pod.namespace === '' || pod.serviceAccount === '')
    throw refuse('pod: cluster, namespace and service_account are required');
  const texts = [pod.cluster, pod.namespace, pod.serviceAccount, pod.pod, pod.node];
  if (texts.some((text) => text.length > longest)) throw refuse('pod: a field is too long');
  if (!pod.imageDigests.every((text) => digest.test(text)))
    throw refuse('pod.image_digests: each is sha256: and 64 hexadecimal digits');
  return {
    kind: 'pod',
    workload: `pod/${pod.cluster}/described`,
    spiffeId: `spiffe://${trustDomain}/k8s/${pod.cluster}/ns/${pod.namespace}/sa/${pod.serviceAccount}/pod/described`,
    cluster: pod.cluster,
    namespace: pod.namespace,
    serviceAccount: pod.serviceAccount,
    serviceAccountUid: 'described',
    pod: pod.pod,
    podUid: 'described',
    node: pod.node,
    labels: { ...pod.labels },
    images:
      pod.imageDigests.length === 0 ? { known: false } : { known: true, digests: [...pod.imageDigests] },
  };
}

/** A run in words. Its start is that of no real run, so no tombstone can match it by accident. */
function describedRun(trustDomain: string, run: DescribedRun__Output | null): Identity {
  const refuse = (detail: string) => new LeaseholdError('request_invalid', { detail });
  if (run === null || run.cluster === '' || run.user === '')
    throw refuse('run: cluster and user are required');
  const { cluster, user, group, partition, account, qos, nodes, accountingEnforced } = run;
  if ([cluster, user, group, partition, account, qos, ...nodes].some((text) => text.length > longest))
    throw refuse('run: a field is too long');
  return {
    kind: 'run',
    workload: `run/${cluster}/0/0`,
    spiffeId: `spiffe://${trustDomain}/slurm/${cluster}/user/${user}/job/0/run/0`,
    cluster,
    jobId: 0,
    start: 0,
    array: run.array ? { jobId: 0, taskId: 0 } : undefined,
    het: undefined,
    uid: 0,
    gid: 0,
    user,
    group,
    partition,
    account,
    qos,
    accountingEnforced,
    nodes: [...nodes],
  };
}
