import type { LedgerCount } from '../ledger.ts';
import { toCount } from '../stored/counts.ts';
import type { Sql } from './statements.ts';

export function count(sql: Sql): LedgerCount {
  return toCount({
    sessions: sql.all('SELECT state AS name, count(*) AS count FROM session GROUP BY state'),
    credentials: sql.all('SELECT settlement AS name, count(*) AS count FROM credential GROUP BY settlement'),
    oldestOutstandingAt: sql.get(
      `SELECT min(since) AS at FROM credential WHERE settlement = 'outstanding'`,
    )?.['at'],
    work: sql.get('SELECT count(*) AS count FROM work')?.['count'],
  });
}

/** Lease sets and credentials go with their session (ON DELETE CASCADE); a run goes after all its sessions. */
export function prune(sql: Sql, input: { readonly endedBefore: number; readonly limit: number }): number {
  const sessions = sql.run(
    `DELETE FROM session WHERE seq IN
       (SELECT seq FROM session WHERE state = 'ended' AND ended_at < ? ORDER BY ended_at LIMIT ?)`,
    input.endedBefore,
    Math.max(0, input.limit),
  );
  const runs = sql.run(
    `DELETE FROM run WHERE seq IN
       (SELECT seq FROM run WHERE state = 'ended' AND ended_at < ?
          AND NOT EXISTS (SELECT 1 FROM session WHERE session.workload = run.workload)
        ORDER BY ended_at LIMIT ?)`,
    input.endedBefore,
    Math.max(0, input.limit),
  );
  const enrolments = sql.run(
    `DELETE FROM enrolment WHERE (cluster, node) IN
       (SELECT cluster, node FROM enrolment WHERE expires_at < ? ORDER BY expires_at LIMIT ?)`,
    input.endedBefore,
    Math.max(0, input.limit),
  );
  return Math.max(sessions, runs, enrolments);
}
