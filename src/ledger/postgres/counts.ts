import type { LedgerInput } from '../input.ts';
import type { LedgerCount } from '../ledger.ts';
import { toCount } from '../stored/counts.ts';
import type { Sql } from './statements.ts';

export async function count(sql: Sql): Promise<LedgerCount> {
  const [sessions, credentials, oldest, work] = await Promise.all([
    sql.all('SELECT state AS name, count(*) AS count FROM session GROUP BY state'),
    sql.all('SELECT settlement AS name, count(*) AS count FROM credential GROUP BY settlement'),
    sql.get(`SELECT min(since) AS at FROM credential WHERE settlement = 'outstanding'`),
    sql.get('SELECT count(*) AS count FROM work'),
  ]);
  return toCount({ sessions, credentials, oldestOutstandingAt: oldest?.['at'], work: work?.['count'] });
}

/** Lease sets and credentials go with their session (ON DELETE CASCADE); a run goes after all its sessions. What another broker prunes is left to it. */
export async function prune(sql: Sql, input: LedgerInput<'prune'>): Promise<number> {
  const limit = Math.max(0, input.limit);
  const [sessions, runs, enrolments] = await Promise.all([
    sql.run(
      `DELETE FROM session WHERE seq IN
         (SELECT seq FROM session WHERE state = 'ended' AND ended_at < $1
          ORDER BY ended_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
      input.endedBefore,
      limit,
    ),
    sql.run(
      `DELETE FROM run WHERE seq IN
         (SELECT seq FROM run WHERE state = 'ended' AND ended_at < $1
            AND NOT EXISTS (SELECT 1 FROM session WHERE session.workload = run.workload)
          ORDER BY ended_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
      input.endedBefore,
      limit,
    ),
    sql.run(
      `DELETE FROM enrolment WHERE (cluster, node) IN
         (SELECT cluster, node FROM enrolment WHERE expires_at < $1
          ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
      input.endedBefore,
      limit,
    ),
  ]);
  return Math.max(sessions, runs, enrolments);
}
