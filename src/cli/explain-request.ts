import type { DescribedPod } from '../rpc/gen/leasehold/v1/DescribedPod.ts';
import type { ExplainRequest } from '../rpc/gen/leasehold/v1/ExplainRequest.ts';
import { readInput } from './read-input.ts';
import { flagOf } from './spec.ts';
import type { OptionSpecs, OptionValues } from './spec.ts';
import { WrongUse } from './wrong-use.ts';

const group = 'Selectors';

/** Who is asked about: a token, or a pod in words. */
export const subjectOptions = {
  tokenFile: { kind: 'text', value: 'FILE', help: 'a projected token; verified as the workload would be' },
  cluster: { kind: 'text', group, value: 'NAME', help: 'cluster' },
  namespace: { kind: 'text', group, short: 'n', value: 'NAME', help: 'Kubernetes namespace' },
  serviceAccount: { kind: 'text', group, value: 'NAME', help: 'service account' },
  pod: { kind: 'text', group, value: 'NAME', help: 'pod name' },
  node: { kind: 'text', group, value: 'NAME', help: 'node the pod runs on' },
  label: { kind: 'list', group, value: 'KEY=VALUE', help: 'label of the pod; may be repeated' },
  imageDigest: {
    kind: 'list',
    group,
    value: 'sha256:HEX',
    help: 'digest of an image of the pod; may be repeated; without any they count as unknown',
  },
} as const satisfies OptionSpecs;

export type SubjectValues = OptionValues<typeof subjectOptions>;

const neededToDescribe = ['cluster', 'namespace', 'serviceAccount'] as const;
/** The broker refuses larger ones before it looks at them. */
const maxTokenBytes = 16_384;

/** Throws WrongUse when the two ways are mixed or the description is incomplete. */
export async function explainRequest(bundle: string, values: SubjectValues): Promise<ExplainRequest> {
  const described = Object.entries(values).filter(([key, value]) => {
    return key in subjectOptions && key !== 'tokenFile' && value !== undefined && String(value) !== '';
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
  const missing = neededToDescribe.filter((key) => values[key] === undefined);
  if (missing.length > 0) {
    throw new WrongUse(
      `not known who is asked about: ${missing.map(flagOf).join(', ')} missing`,
      'give --token-file FILE, or describe a pod with --cluster, --namespace and --service-account',
    );
  }
  return { bundle, pod: describedPod(values) };
}

function describedPod(values: SubjectValues): DescribedPod {
  return {
    cluster: values.cluster ?? '',
    namespace: values.namespace ?? '',
    serviceAccount: values.serviceAccount ?? '',
    pod: values.pod ?? '',
    node: values.node ?? '',
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
