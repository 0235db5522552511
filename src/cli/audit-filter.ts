import { auditActions } from '../audit/audit.ts';
import { type AuditFilter, filterFields } from '../audit/read.ts';
import { momentOf } from './duration.ts';
import type { OptionValues, TextOption } from './spec.ts';
import { WrongUse } from './wrong-use.ts';

/** Which records of an audit log are meant. */
export const auditFilterOptions = {
  pod: { kind: 'text', value: 'NAMESPACE/NAME', help: 'records about this pod' },
  namespace: { kind: 'text', short: 'n', value: 'NAME', help: 'records about pods of this namespace' },
  workload: { kind: 'text', value: 'ID', help: 'records about this workload' },
  node: { kind: 'text', value: 'NAME', help: 'records about workloads on this node' },
  job: { kind: 'text', value: 'ID', help: 'records about runs of this batch job' },
  user: { kind: 'text', value: 'NAME', help: 'records about batch runs of this user' },
  account: { kind: 'text', value: 'NAME', help: 'records about batch runs of this account' },
  session: { kind: 'text', value: 'ID', help: 'records about this session' },
  bundle: { kind: 'text', value: 'NAME', help: 'records about this bundle' },
  action: { kind: 'text', value: 'NAME', help: 'records of this action, see docs/audit.md' },
  trace: { kind: 'text', value: 'ID', help: 'records of one call, stream or piece of work' },
  since: { kind: 'text', value: 'TIME', help: 'from then on: an instant, a date, or how long ago (2h)' },
  until: { kind: 'text', value: 'TIME', help: 'up to then, likewise' },
} as const satisfies Record<string, TextOption>;

/** Throws WrongUse for a value that no record can have. */
export function auditFilterOf(options: OptionValues<typeof auditFilterOptions>, now: number): AuditFilter {
  const { pod, action, namespace, since, until } = options;
  if (pod !== undefined && !/^[^/]+\/[^/]+$/.test(pod)) throw new WrongUse('--pod needs NAMESPACE/NAME here');
  if (action !== undefined && !auditActions.some((one) => one === action))
    throw new WrongUse('--action needs the name of an action', `one of ${auditActions.join(', ')}`);
  const given = filterFields.flatMap((field) => {
    const value = options[field];
    return value === undefined ? [] : [[field, value] as const];
  });
  return {
    ...Object.fromEntries(given),
    ...(namespace === undefined ? {} : { namespace }),
    ...(since === undefined ? {} : { since: momentOf('--since', since, now) }),
    ...(until === undefined ? {} : { until: momentOf('--until', until, now) }),
  };
}
