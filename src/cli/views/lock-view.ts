import type { Lock__Output as WireLock } from '../../rpc/gen/leasehold/v1/Lock.ts';
import type { Selector__Output as WireSelector } from '../../rpc/gen/leasehold/v1/Selector.ts';
import type { Look } from '../output.ts';
import { renderTable } from '../table.ts';
import { instant } from '../time-text.ts';

/** A lock as JSON and YAML print it. `id` is null on a dry run. `selector` has the keys that were given and no others. */
export interface LockView {
  readonly id: string | null;
  readonly selector: Readonly<Record<string, string | true>>;
  readonly reason: string;
  readonly by: string;
  readonly createdAt: string | null;
}

export function lockView(lock: WireLock): LockView {
  return {
    id: lock.id === '' ? null : lock.id,
    selector: givenKeys(lock.selector),
    reason: lock.reason,
    by: lock.by,
    createdAt: instant(lock.createdAtMs),
  };
}

export function lockTable(locks: readonly WireLock[], look: Look): string {
  return renderTable({
    head: ['LOCK', 'SELECTOR', 'BY', 'CREATED', 'REASON'],
    rows: locks.map((lock) => [
      lock.id,
      selectorText(givenKeys(lock.selector)),
      lock.by,
      look.time(lock.createdAtMs),
      lock.reason,
    ]),
    isColoured: look.isColoured,
  });
}

function givenKeys(selector: WireSelector | null): Readonly<Record<string, string | true>> {
  const given: Record<string, string | true> = {};
  for (const [key, value] of Object.entries(selector ?? {})) {
    if (typeof value === 'string' && value !== '') given[key] = value;
    else if (value === true) given[key] = true;
  }
  return given;
}

function selectorText(given: Readonly<Record<string, string | true>>): string {
  if (given['all'] === true) return 'everything';
  return Object.entries(given)
    .map(([key, value]) => `${key}=${value === true ? 'true' : value}`)
    .join(' ');
}
