import type { DatabaseSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Ledger, Session, SessionQuery } from '../ledger.ts';
import type { Log } from '../../platform/log.ts';
import { randomId } from '../../platform/random-id.ts';
import { beginLeaseSet, beginSession } from './begin-session.ts';
import { type Commits, createCommits } from './commits.ts';
import { count, prune } from './counts.ts';
import { openDatabase } from './database.ts';
import { attach, detach, detachAll, recordDelivered, recordWiped } from './holders.ts';
import { activate, recordLease, recordRenewal, recordToken } from './lease-sets.ts';
import { scanSessions, startOfPage } from './list-sessions.ts';
import * as locks from './locks.ts';
import { toCredential } from '../stored/assemble.ts';
import { findLiveRow, findSessionRow, withCredentials, withParts } from './read-session.ts';
import { leaseSetRow, parseRow } from '../stored/rows.ts';
import * as runs from './runs.ts';
import { beginRevoke, beginRevokeLeaseSet, finishLeaseSet, settleCredential } from './revoke.ts';
import { createStatements, type Sql } from './statements.ts';
import { claimWork, finishWork, nextWorkAt, putWork } from './work-items.ts';

/**
 * The ledger in one SQLite file, for one broker: a second one that opens the same file is refused with `ledger_unusable` for as long as the first
 * lives. Claims of an earlier life are released at open, since the lock on the file proves that their owner is gone.
 * Throws `ledger_unusable` (the file is not one that can be used, with the rule in the detail) or `ledger_unavailable`.
 */
export async function openSqliteLedger(options: {
  readonly file: string;
  readonly log: Log;
  /** Of credential ids. */
  readonly newId?: (prefix: string) => string;
}): Promise<Ledger> {
  const database = openDatabase(options.file);
  const commits = createCommits(database);
  options.log.info('ledger opened', { file: options.file });
  return createLedger(database, commits, options.newId ?? randomId);
}

function createLedger(database: DatabaseSync, commits: Commits, newId: (prefix: string) => string): Ledger {
  const sql = createStatements(database);
  const run = <T>(doing: string, change: (sql: Sql) => T): Promise<T> =>
    commits.run(doing, () => change(sql));
  const read = <T>(doing: string, look: (sql: Sql) => T): Promise<T> => commits.read(doing, () => look(sql));
  return {
    beginSession: (input) => run('begin session', () => beginSession(sql, input)),
    beginLeaseSet: (input) => run('begin lease set', () => beginLeaseSet(sql, input)),
    recordToken: (input) => run('record token', () => recordToken(sql, newId, input)),
    recordLease: (input) => run('record lease', () => recordLease(sql, newId, input)),
    activate: (input) => run('activate', () => activate(sql, input)),
    recordRenewal: (input) => run('record renewal', () => recordRenewal(sql, input)),
    findSession: (id) =>
      read('find session', () => {
        const row = findSessionRow(sql, id);
        return row === undefined ? undefined : withParts(sql, row, { withEnded: true });
      }),
    findLive: (workload, bundle) =>
      read('find live session', () => {
        const row = findLiveRow(sql, workload, bundle);
        return row === undefined ? undefined : withParts(sql, row, { withEnded: false });
      }),
    listSessions: (query) => listSessions(read, query),
    listHeldWorkloads: () =>
      read('list held workloads', () =>
        sql
          .all(
            `SELECT DISTINCT workload FROM session
             WHERE state <> 'ended' AND state IN ('opening', 'active', 'superseded') ORDER BY workload`,
          )
          .map(({ workload }) => String(workload)),
      ),
    attachHolder: (input) => run('attach holder', () => attach(sql, input)),
    detachHolder: (input) => run('detach holder', () => detach(sql, input)),
    detachAll: (input) => run('detach all', () => detachAll(sql, input)),
    recordDelivered: (input) => run('record delivered', () => recordDelivered(sql, input)),
    recordWiped: (input) => run('record wiped', () => recordWiped(sql, input)),
    beginRevoke: (input) => run('begin revoke', () => beginRevoke(sql, input)),
    beginRevokeLeaseSet: (input) => run('begin revoke lease set', () => beginRevokeLeaseSet(sql, input)),
    settleCredential: (input) => run('settle credential', () => settleCredential(sql, input)),
    finishLeaseSet: (input) => run('finish lease set', () => finishLeaseSet(sql, input)),
    findLeaseSet: (id) =>
      read('find lease set', () => {
        const row = sql.get('SELECT * FROM lease_set WHERE id = ?', id);
        return row === undefined ? undefined : withCredentials(sql, parseRow(leaseSetRow, row, 'lease set'));
      }),
    findCredential: (id) =>
      read('find credential', () => {
        const row = sql.get(
          `SELECT credential.*, lease_set.session AS session FROM credential
           JOIN lease_set ON lease_set.id = credential.lease_set WHERE credential.id = ?`,
          id,
        );
        return row === undefined
          ? undefined
          : { credential: toCredential(row), session: String(row['session']) };
      }),
    putWork: (items) => run('put work', () => putWork(sql, items)),
    claimWork: (input) => run('claim work', () => claimWork(sql, input)),
    finishWork: (input) => run('finish work', () => finishWork(sql, input)),
    nextWorkAt: (query) => read('next work', () => nextWorkAt(sql, query?.kinds)),
    findTombstone: (workload, bundle) =>
      read('find tombstone', () => locks.findTombstone(sql, workload, bundle)),
    listTombstones: () => read('list tombstones', () => locks.listTombstones(sql)),
    liftTombstone: (workload, bundle) =>
      run('lift tombstone', () => locks.liftTombstone(sql, workload, bundle)),
    removeTombstonesOf: (workload) => run('remove tombstones', () => locks.removeTombstonesOf(sql, workload)),
    addLock: (lock) => run('add lock', () => locks.addLock(sql, lock)),
    removeLock: (id) => run('remove lock', () => locks.removeLock(sql, id)),
    listLocks: () => read('list locks', () => locks.listLocks(sql)),
    registerRun: (input) => run('register run', () => runs.registerRun(sql, input)),
    findRun: (workload) => read('find run', () => runs.findRun(sql, workload)),
    findRunOfJob: (job) => read('find run of job', () => runs.findRunOfJob(sql, job)),
    beginRunEnd: (input) => run('begin run end', () => runs.beginRunEnd(sql, input)),
    endRun: (input) => run('end run', () => runs.endRun(sql, input)),
    setRunEnd: (input) => run('set run end', () => runs.setRunEnd(sql, input)),
    listRuns: (query) => read('list runs', () => runs.listRuns(sql, query)),
    listEndedRunsHeld: () => read('list ended runs held', () => runs.listEndedRunsHeld(sql)),
    bindNode: (input) => run('bind node', () => runs.bindNode(sql, input)),
    readMeta: (key) =>
      read('read meta', () => {
        const row = sql.get('SELECT value FROM meta WHERE key = ?', key);
        return row === undefined ? undefined : String(row['value']);
      }),
    writeMeta: (key, value) =>
      run('write meta', () => {
        sql.run('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)', key, value);
      }),
    count: () => read('count', () => count(sql)),
    prune: (input) => run('prune', () => prune(sql, input)),
    [Symbol.asyncDispose]: async () => {
      await commits.close();
      if (database.isOpen) database.close();
    },
  };
}

/** Step by step, so that what else is queued gets its turn between them. */
async function listSessions(
  read: <T>(doing: string, look: (sql: Sql) => T) => Promise<T>,
  query: SessionQuery,
): Promise<readonly Session[]> {
  const found: Session[] = [];
  let beforeSeq: number | undefined = await read('list sessions', (sql) => startOfPage(sql, query));
  while (beforeSeq !== undefined && found.length < query.limit) {
    const options: { readonly beforeSeq: number; readonly limit: number } = {
      beforeSeq,
      limit: query.limit - found.length,
    };
    const step = await read('list sessions', (sql) => scanSessions(sql, query, options));
    found.push(...step.sessions);
    beforeSeq = step.beforeSeq;
    await nextTurn();
  }
  return found;
}
