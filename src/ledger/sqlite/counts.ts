import { z } from 'zod';
import type { LedgerCount } from '../ledger.ts';
import { parseRow } from '../stored/rows.ts';
import type { Sql } from './statements.ts';

const countRow = z.object({ name: z.string(), count: z.int() });

export function count(sql: Sql): LedgerCount {
  const by = (rows: readonly unknown[]): ReadonlyMap<string, number> =>
    new Map(rows.map((row) => parseRow(countRow, row, 'count')).map((row) => [row.name, row.count]));
  const sessions = by(sql.all('SELECT state AS name, count(*) AS count FROM session GROUP BY state'));
  const credentials = by(
    sql.all('SELECT settlement AS name, count(*) AS count FROM credential GROUP BY settlement'),
  );
  const oldest = sql.get(`SELECT min(since) AS at FROM credential WHERE settlement = 'outstanding'`)?.['at'];
  const work = sql.get('SELECT count(*) AS count FROM work')?.['count'];
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
    oldestOutstandingAt: typeof oldest === 'number' ? oldest : undefined,
    work: typeof work === 'number' ? work : 0,
  };
}

/** Lease sets and credentials go with their session (ON DELETE CASCADE); a run goes after all its sessions. */
export function prune(sql: Sql, input: { readonly endedBefore: number; readonly limit: number }): number {
  const sessions = sql.run(
    `DELETE FROM session WHERE seq IN
       (SELECT seq FROM session WHERE state = 'ended' AND ended_at < ? ORDER BY ended_at LIMIT ?)`,
    input.endedBefore,
    Math.max(0, input.limit),
  );
  sql.run(
    `DELETE FROM run WHERE seq IN
       (SELECT seq FROM run WHERE state = 'ended' AND ended_at < ?
          AND NOT EXISTS (SELECT 1 FROM session WHERE session.workload = run.workload)
        ORDER BY ended_at LIMIT ?)`,
    input.endedBefore,
    Math.max(0, input.limit),
  );
  return sessions;
}
