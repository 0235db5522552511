import type { DatabaseSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Ledger, Session, SessionQuery, WorkKind } from '../ledger.ts';
import type { LedgerChange } from '../replicas.ts';
import type { Log } from '../../platform/log.ts';
import { randomId } from '../../platform/random-id.ts';
import * as awaited from './awaited.ts';
import { beginLeaseSet, beginSession } from './begin-session.ts';
import { type Commits, createCommits } from './commits.ts';
import { count, prune } from './counts.ts';
import { openDatabase } from './database.ts';
import * as enrolments from './enrolments.ts';
import { createFeed } from '../feed.ts';
import * as holders from './holders.ts';
import { activate, recordLease, recordRenewal, recordToken } from './lease-sets.ts';
import { scanSessions, startOfPage } from './list-sessions.ts';
import * as locks from './locks.ts';
import * as meta from './meta.ts';
import { toCredential } from '../stored/assemble.ts';
import { findLiveRow, findSessionRow, withCredentials, withParts } from './read-session.ts';
import { leaseSetRow, parseRow } from '../stored/rows.ts';
import { hastenRevocations, listOutstanding } from './outstanding.ts';
import * as replicas from './replicas.ts';
import * as runs from './runs.ts';
import * as undelivered from './undelivered.ts';
import * as unrecordedEnds from './unrecorded-ends.ts';
import { beginRevoke, beginRevokeLeaseSet, finishLeaseSet, settleCredential } from './revoke.ts';
import { createStatements, type Sql } from './statements.ts';
import { claimWork, finishWork, nextWorkAt, putWork, releaseLostClaims } from './work-items.ts';

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
  /** Longest that a change of a revocation waits for others to commit with, milliseconds. */
  readonly patienceMs?: number;
}): Promise<Ledger> {
  const database = openDatabase(options.file);
  const commits = createCommits(database, options);
  options.log.info('ledger opened', { file: options.file });
  return createLedger(database, commits, options.newId ?? randomId);
}

function createLedger(database: DatabaseSync, commits: Commits, newId: (prefix: string) => string): Ledger {
  const statements = createStatements(database);
  const reading: Sql = { ...statements, tell: () => undefined };
  const feed = createFeed();
  const runBy =
    (commit: Commits['run']) =>
    async <T>(doing: string, change: (sql: Sql) => T): Promise<T> => {
      const changes: LedgerChange[] = [];
      const sql: Sql = { ...statements, tell: (one) => void changes.push(one) };
      const result = await commit(doing, () => change(sql));
      feed.tell(changes);
      return result;
    };
  const run = runBy(commits.run);
  const runPatiently = runBy(commits.runPatiently);
  const runFor = (kinds: readonly WorkKind[] | undefined) =>
    kinds?.every((kind) => kind === 'revoke') === true ? runPatiently : run;
  const read = <T>(doing: string, look: (sql: Sql) => T): Promise<T> =>
    commits.read(doing, () => look(reading));
  return {
    beginSession: (input) => run('begin session', (sql) => beginSession(sql, input)),
    beginLeaseSet: (input) => run('begin lease set', (sql) => beginLeaseSet(sql, input)),
    recordToken: (input) => run('record token', (sql) => recordToken(sql, newId, input)),
    recordLease: (input) => run('record lease', (sql) => recordLease(sql, newId, input)),
    activate: (input) => run('activate', (sql) => activate(sql, input)),
    recordRenewal: (input) => run('record renewal', (sql) => recordRenewal(sql, input)),
    findSession: (id) =>
      read('find session', (sql) => {
        const row = findSessionRow(sql, id);
        return row === undefined ? undefined : withParts(sql, row, { withEnded: true });
      }),
    findLive: (of) =>
      read('find live session', (sql) => {
        const row = findLiveRow(sql, of);
        return row === undefined ? undefined : withParts(sql, row, { withEnded: false });
      }),
    listSessions: (query) => listSessions(read, query),
    listHeldWorkloads: () =>
      read('list held workloads', (sql) =>
        sql
          .all(
            `SELECT DISTINCT workload FROM session
             WHERE state <> 'ended' AND state IN ('opening', 'active', 'superseded') ORDER BY workload`,
          )
          .map(({ workload }) => String(workload)),
      ),
    attachHolder: (input) => run('attach holder', (sql) => holders.attach(sql, input)),
    reattachHolder: (input) => run('reattach holder', (sql) => holders.reattachHolder(sql, input)),
    detachHolder: (input) => run('detach holder', (sql) => holders.detach(sql, input)),
    detachGone: (input) => run('detach gone', (sql) => holders.detachGone(sql, input)),
    recordDelivered: (input) => run('record delivered', (sql) => holders.recordDelivered(sql, input)),
    recordWiped: (input) => run('record wiped', (sql) => holders.recordWiped(sql, input)),
    findHolder: (input) => read('find holder', (sql) => holders.findHolder(sql, input)),
    listHolders: (sessions) => read('list holders', (sql) => holders.listHolders(sql, sessions)),
    lookAtOthers: (input) => read('look at others', (sql) => holders.lookAtOthers(sql, input)),
    isAttachedElsewhere: (input) =>
      read('is attached elsewhere', (sql) => holders.isAttachedElsewhere(sql, input)),
    beginRevoke: (input) => run('begin revoke', (sql) => beginRevoke(sql, input)),
    beginRevokeLeaseSet: (input) => run('begin revoke lease set', (sql) => beginRevokeLeaseSet(sql, input)),
    settleCredential: (input) => runPatiently('settle credential', (sql) => settleCredential(sql, input)),
    finishLeaseSet: (input) => runPatiently('finish lease set', (sql) => finishLeaseSet(sql, input)),
    findLeaseSet: (id) =>
      read('find lease set', (sql) => {
        const row = sql.get('SELECT * FROM lease_set WHERE id = ?', id);
        return row === undefined ? undefined : withCredentials(sql, parseRow(leaseSetRow, row, 'lease set'));
      }),
    findCredential: (id) =>
      read('find credential', (sql) => {
        const row = sql.get(
          `SELECT credential.*, lease_set.session AS session FROM credential
           JOIN lease_set ON lease_set.id = credential.lease_set WHERE credential.id = ?`,
          id,
        );
        return row === undefined
          ? undefined
          : { credential: toCredential(row), session: String(row['session']) };
      }),
    listOutstanding: () => read('list outstanding', (sql) => listOutstanding(sql)),
    hastenRevocations: (input) => run('hasten revocations', (sql) => hastenRevocations(sql, input)),
    putWork: (items) => run('put work', (sql) => putWork(sql, items)),
    claimWork: (input) => runFor(input.kinds)('claim work', (sql) => claimWork(sql, input)),
    finishWork: (input) => runFor([input.work.kind])('finish work', (sql) => finishWork(sql, input)),
    releaseLostClaims: (input) => run('release lost claims', (sql) => releaseLostClaims(sql, input)),
    nextWorkAt: (query) => read('next work', (sql) => nextWorkAt(sql, query?.kinds)),
    findTombstone: (workload, bundle) =>
      read('find tombstone', (sql) => locks.findTombstone(sql, workload, bundle)),
    listTombstones: () => read('list tombstones', (sql) => locks.listTombstones(sql)),
    addTombstone: (tombstone) => run('add tombstone', (sql) => locks.addTombstone(sql, tombstone)),
    liftTombstone: (workload, bundle) =>
      run('lift tombstone', (sql) => locks.liftTombstone(sql, workload, bundle)),
    removeTombstonesOf: (workload) =>
      run('remove tombstones', (sql) => locks.removeTombstonesOf(sql, workload)),
    addLock: (lock) => run('add lock', (sql) => locks.addLock(sql, lock)),
    removeLock: (id) => run('remove lock', (sql) => locks.removeLock(sql, id)),
    listLocks: () => read('list locks', (sql) => locks.listLocks(sql)),
    registerRun: (input) => run('register run', (sql) => runs.registerRun(sql, input)),
    findRun: (workload) => read('find run', (sql) => runs.findRun(sql, workload)),
    describeRuns: (workloads) => read('describe runs', (sql) => runs.describeRuns(sql, workloads)),
    findRunOfJob: (job) => read('find run of job', (sql) => runs.findRunOfJob(sql, job)),
    beginRunEnd: (input) => run('begin run end', (sql) => runs.beginRunEnd(sql, input)),
    endRun: (input) => run('end run', (sql) => runs.endRun(sql, input)),
    setRunEnd: (input) => run('set run end', (sql) => runs.setRunEnd(sql, input)),
    listRuns: (query) => read('list runs', (sql) => runs.listRuns(sql, query)),
    listEndedRunsHeld: () => read('list ended runs held', (sql) => runs.listEndedRunsHeld(sql)),
    findEndedRuns: (workloads) => read('find ended runs', (sql) => runs.findEndedRuns(sql, workloads)),
    isRunHeld: (workload) => read('is run held', (sql) => runs.isRunHeld(sql, workload)),
    recordUndelivered: (input) =>
      run('record undelivered', (sql) => undelivered.recordUndelivered(sql, input)),
    listRunsToCancel: (query) =>
      read('list runs to cancel', (sql) => undelivered.listRunsToCancel(sql, query)),
    takeUnrecordedEnds: (input) =>
      run('take unrecorded ends', (sql) => unrecordedEnds.takeUnrecordedEnds(sql, input)),
    listUnrecordedEnds: (query) =>
      read('list unrecorded ends', (sql) => unrecordedEnds.listUnrecordedEnds(sql, query)),
    removeUnrecordedEnds: (ids) =>
      run('remove unrecorded ends', (sql) => unrecordedEnds.removeUnrecordedEnds(sql, ids)),
    seeRunning: (input) => run('see running', (sql) => awaited.seeRunning(sql, input)),
    restartWaits: () => run('restart waits', awaited.restartWaits),
    stopAwaiting: (input) => run('stop awaiting', (sql) => awaited.stopAwaiting(sql, input)),
    recordAbsent: (input) => run('record absent', (sql) => awaited.recordAbsent(sql, input)),
    joinReplica: (input) => run('join replica', (sql) => replicas.joinReplica(sql, input)),
    beatReplica: (input) => run('beat replica', (sql) => replicas.beatReplica(sql, input)),
    releaseClaims: (replica) => run('release claims', (sql) => replicas.releaseClaims(sql, replica)),
    removeReplica: (input) => run('remove replica', (sql) => replicas.removeReplica(sql, input)),
    listHeldBy: (replica) => read('list held by', (sql) => replicas.listHeldBy(sql, replica)),
    subscribe: (listener) => Promise.resolve(feed.subscribe(listener)),
    bindNode: (input) => run('bind node', (sql) => runs.bindNode(sql, input)),
    addEnrolments: (input) => run('add enrolments', (sql) => enrolments.addEnrolments(sql, input)),
    spendEnrolment: (input) => run('spend enrolment', (sql) => enrolments.spendEnrolment(sql, input)),
    listEnrolments: (query) => read('list enrolments', (sql) => enrolments.listEnrolments(sql, query)),
    withdrawEnrolment: (input) =>
      run('withdraw enrolment', (sql) => enrolments.withdrawEnrolment(sql, input)),
    withdrawEnrolmentsOf: (input) =>
      run('withdraw enrolments', (sql) => enrolments.withdrawEnrolmentsOf(sql, input)),
    readMeta: (key) => read('read meta', (sql) => meta.readMeta(sql, key)),
    listMeta: (prefix) => read('list meta', (sql) => meta.listMeta(sql, prefix)),
    writeMeta: (key, value) => run('write meta', (sql) => meta.writeMeta(sql, key, value)),
    replaceMeta: (input) => run('replace meta', (sql) => meta.replaceMeta(sql, input)),
    count: () => read('count', (sql) => count(sql)),
    prune: (input) => run('prune', (sql) => prune(sql, input)),
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
