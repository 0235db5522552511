import type { Clock } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import { randomId } from '../../platform/random-id.ts';
import { createFeed } from '../feed.ts';
import type { Ledger } from '../ledger.ts';
import { toCredential } from '../stored/assemble.ts';
import * as awaited from './awaited.ts';
import { beginLeaseSet, beginSession } from './begin-session.ts';
import { clientConfig, connectOnce } from './connect.ts';
import { createConnections } from './connections.ts';
import { count, prune } from './counts.ts';
import * as enrolments from './enrolments.ts';
import * as holders from './holders.ts';
import { activate, recordLease, recordRenewal, recordToken } from './lease-sets.ts';
import { type Listening, startListening } from './listen.ts';
import { listSessions } from './list-sessions.ts';
import { inLists } from './in-lists.ts';
import * as locks from './locks.ts';
import * as meta from './meta.ts';
import { migrate } from './migrate.ts';
import { tellOfSessions } from './notify.ts';
import { hastenRevocations, listOutstanding } from './outstanding.ts';
import type { PostgresConfig } from './postgres-config.ts';
import { wrapPostgresError } from './postgres-error.ts';
import { findLeaseSet, findSession, readSessions } from './read-session.ts';
import { beginRevoke, beginRevokeLeaseSet, finishLeaseSet, settleCredential } from './revoke.ts';
import * as replicas from './replicas.ts';
import * as runs from './runs.ts';
import * as undelivered from './undelivered.ts';
import * as unrecordedEnds from './unrecorded-ends.ts';
import { configureSession } from './session-settings.ts';
import type { Sql } from './statements.ts';
import { createTransactions, type Transactions } from './transactions.ts';
import { claimWork, finishWork, nextWorkAt, putWork, releaseLostClaims } from './work-items.ts';

/**
 * The ledger in a schema of a PostgreSQL database, for any number of brokers. Migrates an older schema where its role may. The signal
 * ends opening. Throws `config_invalid` (a file cannot be read), `ledger_unusable` (what only a person can change: role, rights, schema) or
 * `ledger_unavailable`.
 */
export async function openPostgresLedger(options: {
  readonly config: PostgresConfig;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Spreads those that collided. */
  readonly random: () => number;
  /** Of credential ids. */
  readonly newId?: (prefix: string) => string;
}): Promise<Ledger> {
  const { config, clock, log } = options;
  const client = await clientConfig(config);
  {
    await using first = await connectOnce(client, options.signal);
    await configureSession(first.client, config).catch((error: unknown) => {
      throw wrapPostgresError(error, 'open');
    });
    const { from, to } = await migrate(first.client, config);
    log.info('ledger opened', {
      host: config.host,
      database: config.database,
      schema: config.schema,
      from,
      to,
    });
  }
  const connections = createConnections({ config, client, log });
  const transactions = createTransactions({ connections, clock, random: options.random });
  const feed = createFeed();
  let listening: Listening | undefined;
  const ledger = createLedger(transactions, options.newId ?? randomId, async (listener) => {
    // Tools that only read or migrate need no connection for it.
    listening ??= startListening({ client, config, feed, clock, log });
    const subscription = feed.subscribe(listener);
    // What changes after the caller has its subscription is told, or that something was missed.
    await listening.begun;
    return subscription;
  });
  return {
    ...ledger,
    [Symbol.asyncDispose]: async () => {
      await listening?.[Symbol.asyncDispose]();
      await ledger[Symbol.asyncDispose]();
    },
  };
}

function createLedger(
  transactions: Transactions,
  newId: (prefix: string) => string,
  subscribe: Ledger['subscribe'],
): Ledger {
  const { change, each } = transactions;
  // When a replica dies, all its holders come to the others: with a commit that notifies for each, they would wait for each other.
  const tellMoved = inLists<string>((sessions) =>
    each('tell of moved holders', (sql) => tellOfSessions(sql, sessions)),
  );
  return {
    beginSession: (input) => change('begin session', (sql) => beginSession(sql, input)),
    beginLeaseSet: (input) => change('begin lease set', (sql) => beginLeaseSet(sql, input)),
    recordToken: (input) => change('record token', (sql) => recordToken(sql, newId, input)),
    recordLease: (input) => change('record lease', (sql) => recordLease(sql, newId, input)),
    activate: (input) => change('activate', (sql) => activate(sql, input)),
    recordRenewal: (input) => change('record renewal', (sql) => recordRenewal(sql, input)),
    findSession: (id) => each('find session', (sql) => findSession(sql, id, { withEnded: true })),
    findLive: ({ workload, bundle, node }) =>
      each('find live session', async (sql) => {
        const where = `session.workload = $1 AND session.bundle = $2 AND session.node = $3 AND session.state IN ('opening', 'active')`;
        return (await readSessions(sql, where, workload, bundle, node))[0];
      }),
    listSessions: (query) => each('list sessions', (sql) => listSessions(sql, query)),
    listHeldWorkloads: () => each('list held workloads', listHeldWorkloads),
    attachHolder: async (input) => {
      const moved = await change('attach holder', (sql) => holders.attachHolder(sql, input));
      if (moved) await tellMoved(input.session);
    },
    reattachHolder: async (input) => {
      const { delivered, moved } = await change('reattach holder', (sql) =>
        holders.reattachHolder(sql, input),
      );
      if (moved) await tellMoved(input.session);
      return delivered;
    },
    detachHolder: (input) => change('detach holder', (sql) => holders.detach(sql, input)),
    detachGone: (input) => change('detach gone', (sql) => holders.detachGone(sql, input)),
    recordDelivered: (input) => change('record delivered', (sql) => holders.recordDelivered(sql, input)),
    recordWiped: (input) => change('record wiped', (sql) => holders.recordWiped(sql, input)),
    findHolder: (input) => each('find holder', (sql) => holders.findHolder(sql, input)),
    listHolders: (sessions) => each('list holders', (sql) => holders.listHolders(sql, sessions)),
    lookAtOthers: (input) => each('look at others', (sql) => holders.lookAtOthers(sql, input)),
    isAttachedElsewhere: (input) =>
      each('is attached elsewhere', (sql) => holders.isAttachedElsewhere(sql, input)),
    beginRevoke: (input) => change('begin revoke', (sql) => beginRevoke(sql, input)),
    beginRevokeLeaseSet: (input) =>
      change('begin revoke lease set', (sql) => beginRevokeLeaseSet(sql, input)),
    settleCredential: (input) => change('settle credential', (sql) => settleCredential(sql, input)),
    finishLeaseSet: (input) => change('finish lease set', (sql) => finishLeaseSet(sql, input)),
    findLeaseSet: (id) => each('find lease set', (sql) => findLeaseSet(sql, id)),
    findCredential: (id) => each('find credential', (sql) => findCredential(sql, id)),
    listOutstanding: () => each('list outstanding', listOutstanding),
    hastenRevocations: (input) => change('hasten revocations', (sql) => hastenRevocations(sql, input)),
    putWork: (items) => change('put work', (sql) => putWork(sql, items)),
    claimWork: (input) => change('claim work', (sql) => claimWork(sql, input)),
    // A stale version fits nothing, so the second time does nothing.
    finishWork: (input) => each('finish work', (sql) => finishWork(sql, input)),
    // What was given back is claimed by nobody, or by another, so the second time does nothing.
    releaseLostClaims: (input) => each('release lost claims', (sql) => releaseLostClaims(sql, input)),
    nextWorkAt: (query) => each('next work', (sql) => nextWorkAt(sql, query?.kinds)),
    findTombstone: (workload, bundle) =>
      each('find tombstone', (sql) => locks.findTombstone(sql, workload, bundle)),
    listTombstones: () => each('list tombstones', locks.listTombstones),
    addTombstone: (tombstone) => change('add tombstone', (sql) => locks.addTombstone(sql, tombstone)),
    liftTombstone: (workload, bundle) =>
      change('lift tombstone', (sql) => locks.liftTombstone(sql, workload, bundle)),
    removeTombstonesOf: (workload) =>
      change('remove tombstones', (sql) => locks.removeTombstonesOf(sql, workload)),
    addLock: (lock) => change('add lock', (sql) => locks.addLock(sql, lock)),
    removeLock: (id) => change('remove lock', (sql) => locks.removeLock(sql, id)),
    listLocks: () => each('list locks', locks.listLocks),
    registerRun: (input) => change('register run', (sql) => runs.registerRun(sql, input)),
    findRun: (workload) => each('find run', (sql) => runs.findRun(sql, workload)),
    describeRuns: (workloads) => each('describe runs', (sql) => runs.describeRuns(sql, workloads)),
    findRunOfJob: (job) => each('find run of job', (sql) => runs.findRunOfJob(sql, job)),
    beginRunEnd: (input) => change('begin run end', (sql) => runs.beginRunEnd(sql, input)),
    endRun: (input) => change('end run', (sql) => runs.endRun(sql, input)),
    setRunEnd: (input) => change('set run end', (sql) => runs.setRunEnd(sql, input)),
    listRuns: (query) => each('list runs', (sql) => runs.listRuns(sql, query)),
    listEndedRunsHeld: () => each('list ended runs held', runs.listEndedRunsHeld),
    findEndedRuns: (workloads) => each('find ended runs', (sql) => runs.findEndedRuns(sql, workloads)),
    isRunHeld: (workload) => each('is run held', (sql) => runs.isRunHeld(sql, workload)),
    recordUndelivered: (input) =>
      change('record undelivered', (sql) => undelivered.recordUndelivered(sql, input)),
    listRunsToCancel: (query) =>
      each('list runs to cancel', (sql) => undelivered.listRunsToCancel(sql, query)),
    takeUnrecordedEnds: (input) =>
      change('take unrecorded ends', (sql) => unrecordedEnds.takeUnrecordedEnds(sql, input)),
    listUnrecordedEnds: (query) =>
      each('list unrecorded ends', (sql) => unrecordedEnds.listUnrecordedEnds(sql, query)),
    removeUnrecordedEnds: (ids) =>
      each('remove unrecorded ends', (sql) => unrecordedEnds.removeUnrecordedEnds(sql, ids)),
    seeRunning: (input) => each('see running', (sql) => awaited.seeRunning(sql, input)),
    restartWaits: () => each('restart waits', awaited.restartWaits),
    stopAwaiting: (input) => each('stop awaiting', (sql) => awaited.stopAwaiting(sql, input)),
    recordAbsent: (input) => change('record absent', (sql) => awaited.recordAbsent(sql, input)),
    joinReplica: (input) => change('join replica', (sql) => replicas.joinReplica(sql, input)),
    // Counted twice after a lost answer does no harm: what matters is that it goes on.
    beatReplica: (input) => each('beat replica', (sql) => replicas.beatReplica(sql, input)),
    releaseClaims: (replica) => change('release claims', (sql) => replicas.releaseClaims(sql, replica)),
    removeReplica: (input) => change('remove replica', (sql) => replicas.removeReplica(sql, input)),
    listHeldBy: (replica) => each('list held by', (sql) => replicas.listHeldBy(sql, replica)),
    subscribe,
    bindNode: (input) => change('bind node', (sql) => runs.bindNode(sql, input)),
    addEnrolments: (input) => change('add enrolments', (sql) => enrolments.addEnrolments(sql, input)),
    spendEnrolment: (input) => change('spend enrolment', (sql) => enrolments.spendEnrolment(sql, input)),
    listEnrolments: (query) => each('list enrolments', (sql) => enrolments.listEnrolments(sql, query)),
    withdrawEnrolment: (input) =>
      change('withdraw enrolment', (sql) => enrolments.withdrawEnrolment(sql, input)),
    withdrawEnrolmentsOf: (input) =>
      change('withdraw enrolments', (sql) => enrolments.withdrawEnrolmentsOf(sql, input)),
    readMeta: (key) => each('read meta', (sql) => meta.readMeta(sql, key)),
    listMeta: (prefix) => each('list meta', (sql) => meta.listMeta(sql, prefix)),
    writeMeta: (key, value) => change('write meta', (sql) => meta.writeMeta(sql, key, value)),
    replaceMeta: (input) => change('replace meta', (sql) => meta.replaceMeta(sql, input)),
    count: () => each('count', count),
    prune: (input) => change('prune', (sql) => prune(sql, input)),
    [Symbol.asyncDispose]: async () => {
      await transactions[Symbol.asyncDispose]();
    },
  };
}

async function listHeldWorkloads(sql: Sql): Promise<readonly string[]> {
  const rows = await sql.all(
    `SELECT DISTINCT workload FROM session
     WHERE state <> 'ended' AND state IN ('opening', 'active', 'superseded') ORDER BY workload`,
  );
  return rows.map(({ workload }) => String(workload));
}

async function findCredential(sql: Sql, id: string): ReturnType<Ledger['findCredential']> {
  const row = await sql.get(
    `SELECT credential.*, lease_set.session AS session FROM credential
     JOIN lease_set ON lease_set.id = credential.lease_set WHERE credential.id = $1`,
    id,
  );
  return row === undefined ? undefined : { credential: toCredential(row), session: String(row['session']) };
}
