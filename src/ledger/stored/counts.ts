import { z } from 'zod';
import type { LedgerCount } from '../ledger.ts';
import { parseRow } from './rows.ts';

const countRow = z.object({ name: z.string(), count: z.int() });

/** From rows of `name` and `count`; what has none counts zero. */
export function toCount(found: {
  readonly sessions: readonly unknown[];
  readonly credentials: readonly unknown[];
  readonly oldestOutstandingAt: unknown;
  readonly work: unknown;
}): LedgerCount {
  const by = (rows: readonly unknown[]): ReadonlyMap<string, number> =>
    new Map(rows.map((row) => parseRow(countRow, row, 'count')).map((row) => [row.name, row.count]));
  const sessions = by(found.sessions);
  const credentials = by(found.credentials);
  return {
    sessions: {
      opening: sessions.get('opening') ?? 0,
      active: sessions.get('active') ?? 0,
      superseded: sessions.get('superseded') ?? 0,
      revoking: sessions.get('revoking') ?? 0,
      ended: sessions.get('ended') ?? 0,
    },
    credentials: {
      held: credentials.get('held') ?? 0,
      outstanding: credentials.get('outstanding') ?? 0,
      confirmed: credentials.get('confirmed') ?? 0,
      vanished: credentials.get('vanished') ?? 0,
      lapsed: credentials.get('lapsed') ?? 0,
      expires: credentials.get('expires') ?? 0,
      written_off: credentials.get('written_off') ?? 0,
    },
    oldestOutstandingAt:
      typeof found.oldestOutstandingAt === 'number' ? found.oldestOutstandingAt : undefined,
    work: typeof found.work === 'number' ? found.work : 0,
  };
}
