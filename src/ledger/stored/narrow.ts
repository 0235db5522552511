import type { SessionQuery } from '../ledger.ts';
import type { Identity } from '../../identity/identity.ts';
import { matchesSelector } from '../../policy/selector.ts';
import type { SessionRow } from './rows.ts';

/** Columns of a session and the value that each must have: what an index can answer of a query. The selector still decides about each row. */
export function equalColumns(query: SessionQuery): readonly (readonly [column: string, value: string])[] {
  const { selector, key } = query;
  // Of a pattern the selector alone decides; what is no selector is never one.
  const plain = (value: string | undefined) => (value?.includes('*') === true ? undefined : value);
  const columns: readonly (readonly [string, string | undefined])[] = [
    ['workload', query.workload],
    ['workload', key?.workload],
    ['bundle', key?.bundle],
    ['node', key?.node],
    ['id', plain(selector?.session)],
    ['cluster', plain(selector?.cluster)],
    ['namespace', plain(selector?.namespace)],
    ['pod_uid', plain(selector?.podUid)],
    ['bundle', plain(selector?.bundle)],
  ];
  return columns.flatMap(([column, value]) => (value === undefined ? [] : [[column, value] as const]));
}

export function isSelected({ selector }: SessionQuery, row: SessionRow, identity: Identity): boolean {
  if (selector === undefined) return true;
  return matchesSelector(selector, {
    identity,
    bundle: row.bundle,
    session: row.id,
  });
}
