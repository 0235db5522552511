import { LeaseholdError } from '../platform/error.ts';
import type { Selector } from './selector.ts';
import type { TextRule } from './text-rule.ts';
import { accountPattern, imageDigest, namePattern } from './text-rule.ts';

/** As the wire has it: what was not given is absent, empty or false. */
export type RawSelector = Readonly<Partial<Record<TextField, string>>> & { readonly all?: boolean };

type TextField = Exclude<keyof Selector, 'all'>;

const id: TextRule = {
  holds: (text) => /^[A-Za-z0-9_-]{1,64}$/.test(text),
  rule: 'must be 1 to 64 letters, digits, _ and -, without patterns',
};
const pod: TextRule = {
  holds: (text) => {
    const parts = text.split('/');
    return parts.length <= 2 && parts.every(namePattern.holds);
  },
  rule: 'must be a pod name or namespace/name, where * stands for any characters',
};

const number: TextRule = {
  holds: (text) => /^[1-9][0-9]{0,9}$/.test(text),
  rule: 'must be a job id, a number',
};

const rules: Readonly<Record<TextField, TextRule>> = {
  session: id,
  cluster: namePattern,
  namespace: namePattern,
  serviceAccount: namePattern,
  pod,
  podUid: id,
  job: number,
  array: number,
  user: accountPattern,
  account: namePattern,
  partition: namePattern,
  node: namePattern,
  imageDigest,
  bundle: namePattern,
};

function isTextField(key: string): key is TextField {
  return Object.hasOwn(rules, key);
}

/**
 * A selector from outside. Undefined when nothing was given, which callers that destroy must refuse. Throws `request_invalid` whose detail
 * names field and rule. What matches everything must say `all`, and nothing else beside it.
 */
export function parseSelector(raw: RawSelector): Selector | undefined {
  const selector: { -readonly [Field in TextField]?: string } = {};
  // Not typed: what stands behind the type came off a wire or a command line.
  for (const [key, value] of Object.entries<unknown>(raw)) {
    if (key === 'all' || value === undefined || value === null || value === '') continue;
    if (!isTextField(key)) throw refused('selector: has a field that is not known');
    if (typeof value !== 'string' || !rules[key].holds(value))
      throw refused(`selector.${key}: ${rules[key].rule}`);
    selector[key] = value;
  }
  const given = Object.values(selector);
  if (raw.all === true) {
    if (given.length > 0) throw refused('selector.all: must stand alone');
    return { all: true };
  }
  if (given.length === 0) return undefined;
  // `--namespace '*'` from a script whose variable was empty must not take everything back.
  if (given.every((value) => /^[*/]+$/.test(value)))
    throw refused('selector: matches everything, which must be said with all');
  return selector;
}

/** The same, where nothing given is refused too. */
export function requireSelector(raw: RawSelector): Selector {
  const selector = parseSelector(raw);
  if (selector === undefined) throw refused('selector: must not be empty');
  return selector;
}

function refused(detail: string): LeaseholdError {
  return new LeaseholdError('request_invalid', { detail });
}
