import type { DescribedPod } from '../rpc/gen/leasehold/v1/DescribedPod.ts';
import type { DescribedRun } from '../rpc/gen/leasehold/v1/DescribedRun.ts';
import type { ExplainRequest } from '../rpc/gen/leasehold/v1/ExplainRequest.ts';
import { readInput } from './read-input.ts';
import { flagOf } from './spec.ts';
import type { OptionSpecs, OptionValues } from './spec.ts';
import { WrongUse } from './wrong-use.ts';

const group = 'Selectors';

/** Who is asked about: a token, a pod in words, or a batch run in words. */
export const subjectOptions = {
  tokenFile: { kind: 'text', value: 'FILE', help: 'a projected token; verified as the workload would be' },
  cluster: { kind: 'text', group, value: 'NAME', help: 'cluster' },
  namespace: { kind: 'text', group, short: 'n', value: 'NAME', help: 'Kubernetes namespace' },
  serviceAccount: { kind: 'text', group, value: 'NAME', help: 'service account' },
  pod: { kind: 'text', group, value: 'NAME', help: 'pod name' },
  node: {
    kind: 'list',
    group,
    value: 'NAME',
    help: 'node that the workload runs on; may be repeated for a run',
  },
  label: { kind: 'list', group, value: 'KEY=VALUE', help: 'label of the pod; may be repeated' },
  imageDigest: {
    kind: 'list',
    group,
    value: 'sha256:HEX',
    help: 'digest of an image of the pod; may be repeated; without any they count as unknown',
  },
  user: { kind: 'text', group, value: 'NAME', help: 'owner of a batch run; says that a run is asked about' },
  group: { kind: 'text', group, value: 'NAME', help: "the owner's primary group" },
  partition: { kind: 'text', group, value: 'NAME', help: 'partition of the run' },
  account: { kind: 'text', group, value: 'NAME', help: 'account of the run' },
  qos: { kind: 'text', group, value: 'NAME', help: 'quality of service of the run' },
  array: { kind: 'switch', group, help: 'the run is a task of an array' },
  accountingEnforced: {
    kind: 'switch',
    group,
    help: 'the cluster enforces accounting, so that account and QOS are worth something',
  },
} as const satisfies OptionSpecs;

export type SubjectValues = OptionValues<typeof subjectOptions>;

const podKeys = ['namespace', 'serviceAccount', 'pod', 'label', 'imageDigest'] as const;
const runKeys = ['group', 'partition', 'account', 'qos', 'array', 'accountingEnforced'] as const;
const neededToDescribe = ['cluster', 'namespace', 'serviceAccount'] as const;
/** The broker refuses larger ones before it looks at them. */
const maxTokenBytes = 16_384;

/** Throws WrongUse when the two ways are mixed or the description is incomplete. */
export async function explainRequest(bundle: string, values: SubjectValues): Promise<ExplainRequest> {
  const described = Object.entries(values).filter(([key, value]) => {
    return (
      key in subjectOptions &&
      key !== 'tokenFile' &&
      value !== undefined &&
      value !== false &&
      String(value) !== ''
    );
  });
  if (values.tokenFile !== undefined) {
    if (described.length > 0) {
      throw new WrongUse(
        `--token-file and ${described.map(([key]) => flagOf(key)).join(', ')} exclude each other`,
        'a token says by itself whose it is',
      );
    }
    return { bundle, credential: trimmed(await readInput('--token-file', values.tokenFile, maxTokenBytes)) };
  }
  if (values.user !== undefined) return { bundle, run: describedRun(values, values.user) };
  const ofRuns = runKeys.filter((key) => values[key] !== undefined && values[key] !== false);
  if (ofRuns.length > 0)
    throw new WrongUse(
      `${ofRuns.map(flagOf).join(', ')} describes a batch run whose owner is missing`,
      'add --user NAME',
    );
  const missing = neededToDescribe.filter((key) => values[key] === undefined);
  if (missing.length > 0) {
    throw new WrongUse(
      `not known who is asked about: ${missing.map(flagOf).join(', ')} missing`,
      'give --token-file FILE, or describe a pod with --cluster, --namespace and --service-account, or a run with --cluster and --user',
    );
  }
  return { bundle, pod: describedPod(values) };
}

function describedRun(values: SubjectValues, user: string): DescribedRun {
  const { cluster } = values;
  const ofPods = podKeys.filter((key) => String(values[key] ?? '') !== '');
  if (ofPods.length > 0)
    throw new WrongUse(`--user describes a batch run, ${ofPods.map(flagOf).join(', ')} a pod`);
  if (cluster === undefined) throw new WrongUse('not known whose run it is: --cluster missing');
  return {
    cluster,
    user,
    group: values.group ?? '',
    partition: values.partition ?? '',
    account: values.account ?? '',
    qos: values.qos ?? '',
    nodes: [...values.node],
    array: values.array,
    accountingEnforced: values.accountingEnforced,
  };
}

function describedPod(values: SubjectValues): DescribedPod {
  if (values.node.length > 1)
    throw new WrongUse('--node is given more than once, but a pod runs on one node');
  return {
    cluster: values.cluster ?? '',
    namespace: values.namespace ?? '',
    serviceAccount: values.serviceAccount ?? '',
    pod: values.pod ?? '',
    node: values.node[0] ?? '',
    labels: Object.fromEntries(values.label.map(readLabel)),
    imageDigests: [...values.imageDigest],
  };
}

function readLabel(text: string): readonly [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw new WrongUse('--label needs KEY=VALUE', 'for example --label app.kubernetes.io/name=api');
  return [text.slice(0, at), text.slice(at + 1)];
}

/** Without the line feed that editors and `kubectl create token` put at the end. */
function trimmed(token: Buffer): Buffer {
  let end = token.length;
  while (end > 0 && (token[end - 1] === 0x0a || token[end - 1] === 0x0d)) end -= 1;
  return token.subarray(0, end);
}
