import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AuditEvent } from '../../../src/audit/audit.ts';
import { type AbsentNodes, createAbsentNodes } from '../../../src/lease/runs/absent-nodes.ts';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import type { Run } from '../../../src/ledger/runs.ts';
import { openSqliteLedger } from '../../../src/ledger/sqlite/sqlite-ledger.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { createFixedPolicy } from '../../../src/policy/policy-cell.ts';
import { parsePolicy } from '../../../src/policy/policy-file.ts';
import { aStaticSession, start } from '../../contract/ledger/ledger-world.ts';
import { aRunIdentity } from '../../contract/ledger/runs-contract.ts';
import { createTempFolder } from '../../support/temp-folder.ts';

const bundle = (name: string, nodeWithoutSecrets: string) => `
  ${name}:
    tokenRole: leasehold-${name}
    ttl: 10m
    maxTtl: 1d
    outage: { mode: keep }
    nodeWithoutSecrets: ${nodeWithoutSecrets}
    secrets: { database: { leased: database/creds/app } }
    files: { database.env: { secret: database, format: dotenv, mode: '0400' } }`;
const policyOf = (vital = 'cancel_job') =>
  createFixedPolicy(
    parsePolicy(`
bundles:${bundle('vital', vital)}${bundle('app', 'fail_tasks')}
grants:
  - { name: gpu, allow: '*', runs: { cluster: hpc, partition: gpu } }
`),
  );

const minute = 60_000;
let ledger: Ledger;
let close: () => Promise<void>;
let records: AuditEvent[];
let takesRecords: boolean;
let serves: boolean;
let now: number;

beforeEach(async () => {
  const folder = await createTempFolder({ name: 'absent-nodes' });
  ledger = await openSqliteLedger({ file: join(folder.path, 'ledger.sqlite'), log: silentLog });
  close = async () => {
    await ledger[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  };
  records = [];
  [takesRecords, serves, now] = [true, true, start];
});
afterEach(() => close());

/** One broker's, which has begun. */
const begin = async (absentAfterSeconds = 600, policy = policyOf()): Promise<AbsentNodes> => {
  const absent = createAbsentNodes({
    ledger,
    policy,
    audit: {
      record: () => Promise.reject(new Error('its end does not wait for a record')),
      recordAnyway: (event) => Promise.resolve(records.push(event) > 0),
      recordStranger: () => Promise.resolve(),
      hmac: () => '',
      owed: () => 0,
      hasRoom: () => true,
      takesRecords: () => takesRecords,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    },
    clusters: [{ name: 'hpc', audience: 'a', keys: { file: '/k' }, endGraceSeconds: 1, absentAfterSeconds }],
    serves: () => serves,
    log: silentLog,
    now: () => now,
  });
  await absent.keep();
  return absent;
};
/** With n1 there. */
const register = async (
  absent: AbsentNodes,
  { nodes = ['n1', 'n2', 'n3'], bundles = ['app', 'vital'] } = {},
) => {
  const identity = aRunIdentity({ nodes });
  const registered = { identity, restarts: 0, sluid: undefined, endsAt: undefined, bundles };
  const awaited = absent.awaits(registered);
  const { run } = await ledger.registerRun({ run: registered, awaited, at: now });
  await ledger.beginSession(
    aStaticSession({ identity, holders: nodes, attach: 'n1', bundle: 'vital', at: now }),
  );
  return { run, awaited };
};
/** A report each minute, the last of which is ten minutes after the first. */
const reportFor = async (absent: AbsentNodes, run: Run, nodes = 3, minutes = 10) => {
  for (let at = 0; at <= minutes; at += 1) {
    if (at > 0) now += minute;
    await absent.keep();
    await absent.look('hpc', [{ run, nodes }]);
  }
};
const toCancel = async () =>
  (await ledger.listRunsToCancel({ cluster: 'hpc' })).map(({ identity }) => identity.workload);
const expectNothing = async () => {
  expect(await toCancel()).toEqual([]);
  expect(records).toEqual([]);
};

describe('a node that never comes is not missed', () => {
  it.for<[string, Parameters<typeof register>[1], number, string]>([
    ['of one node', { nodes: ['n1'] }, 600, 'cancel_job'],
    ['without a bundle that says so', { bundles: ['app'] }, 600, 'cancel_job'],
    ['whose bundle says otherwise', {}, 600, 'fail_tasks'],
    ['on a cluster that has it off', {}, 0, 'cancel_job'],
  ])('by a run %s', async ([, facts, seconds, vital]) => {
    const absent = await begin(seconds, policyOf(vital));
    const { run, awaited } = await register(absent, facts);
    expect(awaited).toBe(false);
    await reportFor(absent, run, run.identity.nodes.length);
    await expectNothing();
  });

  it('once the policy does not want it any more', async () => {
    const { run } = await register(await begin());
    await reportFor(await begin(600, policyOf('fail_tasks')), run);
    await expectNothing();
  });

  it.each([0, 2, 4])('while the scheduler says that it runs on %i of its three nodes', async (nodes) => {
    const absent = await begin();
    const { run } = await register(absent);
    await reportFor(absent, run, nodes);
    await expectNothing();
  });

  it('any more once the run was seen on fewer, though it has as many again', async () => {
    const absent = await begin();
    const { run } = await register(absent);
    await absent.look('hpc', [{ run, nodes: 3 }]);
    await absent.look('hpc', [{ run, nodes: 2 }]);
    await reportFor(absent, run, 3, 30);
    await expectNothing();
  });

  it.for<[string, (absent: AbsentNodes, run: Run) => unknown]>([
    ['the run was suspended', (absent, run) => absent.look('hpc', [{ run, nodes: 0 }])],
    ['another broker has started', () => begin()],
    [
      'the ledger was away',
      async (absent) => {
        absent.interrupted();
        await absent.keep();
      },
    ],
    [
      'this broker was cut off',
      async (absent) => {
        serves = false;
        await absent.keep();
        serves = true;
        await absent.keep();
      },
    ],
    [
      'no record could be written',
      async (absent) => {
        takesRecords = false;
        await absent.keep();
        takesRecords = true;
        await absent.keep();
      },
    ],
    ['the signer was silent', () => void (now += 5 * minute)],
    ['the clock went back', () => void (now -= 5 * minute)],
  ])('before it had the whole wait again, after %s', async ([, happens]) => {
    const absent = await begin();
    const { run } = await register(absent);
    // A clock that goes back must not be before its first node came.
    now += 10 * minute;
    await reportFor(absent, run, 3, 9);
    await happens(absent, run);
    await reportFor(absent, run, 3, 9);
    await expectNothing();
    now += minute;
    await absent.look('hpc', [{ run, nodes: 3 }]);
    expect(await toCancel()).toEqual([run.identity.workload]);
  });

  it.each(['serves', 'takes records'])('by a broker that no longer %s', async (what) => {
    const absent = await begin();
    const { run } = await register(absent);
    await reportFor(absent, run, 3, 9);
    if (what === 'serves') serves = false;
    else takesRecords = false;
    now += minute;
    await absent.look('hpc', [{ run, nodes: 3 }]);
    await expectNothing();
  });

  it('of a run that is as old as what the ledger forgets: sessions in which a node came may be among it', async () => {
    const absent = await begin();
    const { run } = await register(absent);
    await reportFor(absent, run, 3, 9);
    now += 6 * 86_400_000;
    await reportFor(absent, run);
    await expectNothing();
  });

  it('by a broker that has not begun', async () => {
    const { run } = await register(await begin());
    serves = false;
    const absent = await begin();
    serves = true;
    for (let at = 0; at <= 10; at += 1, now += minute) await absent.look('hpc', [{ run, nodes: 3 }]);
    await expectNothing();
  });
});

describe('a node that never comes', () => {
  it('has the job cancelled after the wait, with a record for each, once', async () => {
    const absent = await begin();
    const { run, awaited } = await register(absent);
    expect(awaited).toBe(true);
    await reportFor(absent, run, 3, 9);
    await expectNothing();
    now += minute;
    await absent.look('hpc', [{ run, nodes: 3 }]);
    const reason = 'no agent of the node has asked; the job is to be cancelled';
    const { workload } = run.identity;
    const expected = {
      action: 'run_undelivered',
      outcome: 'failed',
      code: 'node_absent',
      actor: 'broker',
      workload,
      reason,
    };
    expect(records).toMatchObject([
      { ...expected, node: 'hpc/n2' },
      { ...expected, node: 'hpc/n3' },
    ]);
    expect(await toCancel()).toEqual([workload]);
    await reportFor(absent, run);
    expect(records).toHaveLength(2);
  });

  it('is one of many: the log has some, and how many', async () => {
    const absent = await begin();
    const nodes = Array.from({ length: 40 }, (_, index) => `n${index + 1}`);
    const { run } = await register(absent, { nodes });
    await reportFor(absent, run, 40);
    expect(records).toHaveLength(16);
    expect(records[0]?.reason).toBe(
      'no agent of the node has asked (as of 23 others); the job is to be cancelled',
    );
  });
});
