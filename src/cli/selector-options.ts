import type { Selector } from '../rpc/gen/leasehold/v1/Selector.ts';
import { isPrintable } from './printable.ts';
import type { OptionSpecs, OptionValues } from './spec.ts';
import { flagOf } from './spec.ts';
import { WrongUse } from './wrong-use.ts';

const group = 'Selectors';

/** Whom a lock may name: workloads, not the session that one of them holds now. */
export const workloadSelectorOptions = {
  cluster: { kind: 'text', group, value: 'NAME', help: 'cluster; `*` matches any characters' },
  namespace: { kind: 'text', group, short: 'n', value: 'NAME', help: 'Kubernetes namespace; may use `*`' },
  serviceAccount: { kind: 'text', group, value: 'NAME', help: 'service account; may use `*`' },
  pod: { kind: 'text', group, value: '[NAMESPACE/]NAME', help: 'pod; may use `*`' },
  podUid: { kind: 'text', group, value: 'UID', help: 'pod UID, exact' },
  job: { kind: 'text', group, value: 'ID', help: 'batch job, every run of it; exact' },
  array: { kind: 'text', group, value: 'ID', help: 'job id of a job array, all its tasks; exact' },
  user: { kind: 'text', group, value: 'NAME', help: 'owner of batch jobs; may use `*`' },
  account: { kind: 'text', group, value: 'NAME', help: 'account of batch jobs; may use `*`' },
  partition: { kind: 'text', group, value: 'NAME', help: 'partition of batch jobs; may use `*`' },
  node: { kind: 'text', group, value: 'NAME', help: 'node that the workload runs on; may use `*`' },
  imageDigest: {
    kind: 'text',
    group,
    value: 'sha256:HEX',
    help: 'image digest, exact; a pod whose digests are unknown matches too',
  },
  bundle: { kind: 'text', group, value: 'NAME', help: 'bundle; may use `*`' },
  all: { kind: 'switch', group, help: 'everything' },
} as const satisfies OptionSpecs;

/** One flag for each field of a selector. All that are given must match. */
export const selectorOptions = {
  session: { kind: 'text', group, value: 'ID', help: 'session id, exact' },
  ...workloadSelectorOptions,
} as const satisfies OptionSpecs;

const textKeys = [
  'session',
  'cluster',
  'namespace',
  'serviceAccount',
  'pod',
  'podUid',
  'job',
  'array',
  'user',
  'account',
  'partition',
  'node',
  'imageDigest',
  'bundle',
] as const;

/** The broker takes no longer ones. */
const longestValue = 512;

export type SelectorValues = OptionValues<typeof selectorOptions>;

/** Undefined when no selector flag was given. Throws WrongUse for `--all` beside others and for values that can match nothing. */
export function readSelector(values: SelectorValues): Selector | undefined {
  const given = textKeys.flatMap((key) => {
    const value = values[key];
    return value === undefined ? [] : [[key, value] as const];
  });
  for (const [key, value] of given) {
    if (!isPrintable(value) || /\s/.test(value)) {
      throw new WrongUse(
        `${flagOf(key)} has white space or control characters`,
        'no name has them; check the quoting',
      );
    }
  }
  for (const [key, value] of given) {
    if (value.length > longestValue)
      throw new WrongUse(`${flagOf(key)} is longer than ${longestValue} characters`);
  }
  if (values.imageDigest !== undefined && !/^sha256:[0-9a-f]{64}$/.test(values.imageDigest)) {
    throw new WrongUse('--image-digest needs sha256: and 64 hexadecimal digits in lower case');
  }
  if (values.all && given.length > 0) {
    throw new WrongUse(
      `--all means everything, but ${given.map(([key]) => flagOf(key)).join(', ')} narrows it`,
      'leave out one of the two',
    );
  }
  if (values.all) return { all: true };
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

/** As above; nothing given is wrong use, because what destroys must be aimed. */
export function requireSelector(values: SelectorValues, verb: string): Selector {
  const selector = readSelector(values);
  if (selector !== undefined) return selector;
  throw new WrongUse(
    `nothing selected: say what to ${verb}`,
    `add a selector such as --pod NAMESPACE/NAME, --bundle NAME or --session ID; --all for everything`,
  );
}
