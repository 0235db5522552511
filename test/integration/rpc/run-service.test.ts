import { X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { areOutOfDate } from '../../../src/platform/run-matchers.ts';
import { brokerChannel } from '../../../src/rpc/client/channel.ts';
import { fetchRunMatchers } from '../../../src/rpc/client/fetch-matchers.ts';
import { openMatchers } from '../../../src/rpc/client/signed-matchers.ts';
import type { DescribedRun } from '../../../src/rpc/gen/leasehold/v1/DescribedRun.ts';
import type { GetRunMatchersResponse__Output } from '../../../src/rpc/gen/leasehold/v1/GetRunMatchersResponse.ts';
import type { HoldRequest } from '../../../src/rpc/gen/leasehold/v1/HoldRequest.ts';
import type { ReportedRun } from '../../../src/rpc/gen/leasehold/v1/ReportedRun.ts';
import type { HoldResponse__Output } from '../../../src/rpc/gen/leasehold/v1/HoldResponse.ts';
import { loadAdminApi, loadRunApi, loadWorkloadApi } from '../../../src/rpc/proto.ts';
import type { KeyAndCertificate } from '../../support/certificates.ts';
import { waitFor } from '../../support/parts/wait-until-ready.ts';
import {
  cluster,
  otherCluster,
  type SlurmBroker,
  startOfRun,
  startSlurmBroker,
  type StatedRun,
} from '../../support/slurm-broker.ts';
import { aRunIdentity } from '../../contract/ledger/runs-contract.ts';
import { ask, type Ended, toEnded } from '../../unit/rpc/server-world.ts';

let broker: SlurmBroker;
const open: { close(): void }[] = [];
beforeEach(async () => {
  broker = await startSlurmBroker();
});
afterEach(async () => {
  for (const client of open.splice(0)) client.close();
  await broker[Symbol.asyncDispose]();
});

const channelOf = (certificate: KeyAndCertificate, address = broker.nodes) =>
  brokerChannel({
    address,
    ca: Buffer.from(broker.ca.certificate),
    clientCertificate: {
      certificate: Buffer.from(certificate.certificate),
      key: Buffer.from(certificate.key),
    },
  });

const runClient = (certificate = broker.signerCertificate()) => {
  const { target, credentials, options } = channelOf(certificate);
  const client = new (loadRunApi().leasehold.v1.RunService)(target, credentials, options);
  open.push(client);
  return client;
};

const register = async (run: StatedRun = {}, requestedBundles: string[] = [], client = runClient()) => {
  const assertion = Buffer.from(await broker.assertion(run));
  return ask<{ workload: string; bundles: string[]; refused: { bundle: string; code: string }[] }>(
    (deadline, answer) => client.registerRun({ assertion, requestedBundles }, deadline, answer),
  );
};

interface Holding {
  readonly call: ClientDuplexStream<HoldRequest, HoldResponse__Output>;
  readonly received: HoldResponse__Output[];
  readonly ended: Promise<Ended>;
}

/** A node's stream for one job. */
const hold = (reference: unknown, certificate: KeyAndCertificate): Holding => {
  const { target, credentials, options } = channelOf(certificate);
  const client = new (loadWorkloadApi().leasehold.v1.WorkloadService)(target, credentials, options);
  open.push(client);
  const call = client.hold();
  const received: HoldResponse__Output[] = [];
  call.on('data', (message: HoldResponse__Output) => received.push(message));
  call.on('error', () => undefined);
  const ended = new Promise<Ended>((resolve) => call.on('status', (end) => resolve(toEnded(end))));
  const credential = Buffer.from(typeof reference === 'string' ? reference : JSON.stringify(reference));
  call.write({ hello: { credential, agent: 'test/1' } });
  return { call, received, ended };
};
const of = <K extends keyof HoldResponse__Output>(holding: Holding, kind: K) =>
  holding.received.flatMap((message) => (message[kind] === undefined ? [] : [message[kind]]));
const seen = async (holding: Holding, kind: keyof HoldResponse__Output, count = 1) => {
  await waitFor(`a message ${kind}`, async () => of(holding, kind).length >= count);
};
const openBundle = (holding: Holding, bundle = 'db') =>
  holding.call.write({ open: { bundle, requestKey: 'k'.repeat(20) } });
const records = async () =>
  (await readFile(broker.auditFile, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
/** Beside the one that every broker makes at its start. */
const backendCalls = () => broker.backend.calls().filter(({ operation }) => operation !== 'clusterId');
const passwords = (holding: Holding) =>
  of(holding, 'generation').map((generation) =>
    generation.secrets[0]?.fields?.fields['password']?.toString('utf8'),
  );

describe('registration', () => {
  it('answers with the run and what its nodes are to deliver, and is on record', async () => {
    const start = startOfRun();
    const first = await register({ start }, ['key', 'nothing']);
    expect(first).toMatchObject({
      code: undefined,
      response: {
        workload: `run/hpc/12/${start}`,
        bundles: ['db', 'key'],
        refused: [{ bundle: 'nothing', code: 'bundle_unknown' }],
      },
    });
    expect((await register({ start }, [])).response?.bundles).toEqual(['db', 'key']);
    expect((await records()).find(({ code }) => code === 'bundle_unknown')).toMatchObject({
      action: 'run_register',
      outcome: 'refused',
      workload: `run/hpc/12/${start}`,
      bundle: 'nothing',
    });
    expect((await records()).find(({ action }) => action === 'run_register')).toMatchObject({
      outcome: 'ok',
      actor: 'signer:hpc',
      workload: `run/hpc/12/${start}`,
      job: '12',
      user: 'alice',
      partition: 'gpu',
      credentialId: `hpc/12/${start}`,
    });
    expect(backendCalls()).toEqual([]);
  });

  const now = () => Math.floor(Date.now() / 1000);
  const refusals: readonly [string, () => StatedRun, string][] = [
    ['signed by another key', () => ({ forged: true }), 'credential_bad_signature'],
    ['signed by an unknown key', () => ({ header: { kid: 'k9' } }), 'credential_unknown_key'],
    ['of another type', () => ({ header: { typ: 'JWT' } }), 'credential_malformed'],
    ['with a header of its own', () => ({ header: { jku: 'https://x' } }), 'credential_malformed'],
    ['for another audience', () => ({ claims: { aud: 'leasehold2' } }), 'credential_wrong_audience'],
    ['of another issuer', () => ({ claims: { iss: 'slurm:hpc2' } }), 'credential_unknown_issuer'],
    ['about another cluster', () => ({ claims: { cluster: 'hpc2' } }), 'credential_unknown_issuer'],
    ['that has expired', () => ({ claims: { iat: now() - 400, exp: now() - 100 } }), 'credential_expired'],
    ['of the future', () => ({ claims: { iat: now() + 100, exp: now() + 200 } }), 'credential_not_yet_valid'],
    ['that lives too long', () => ({ claims: { exp: now() + 901 } }), 'credential_lifetime'],
    ['of root', () => ({ claims: { uid: 0 } }), 'credential_malformed'],
    ['with a name that is none', () => ({ claims: { user: 'a\nb' } }), 'credential_malformed'],
    ['with a path for a node', () => ({ nodes: ['../n1'] }), 'credential_malformed'],
    ['with a node twice', () => ({ nodes: ['n1', 'n1'] }), 'credential_malformed'],
    ['without nodes', () => ({ nodes: [] }), 'credential_malformed'],
    ['with a claim of its own', () => ({ claims: { admin: true } }), 'credential_malformed'],
    ['whose jti is of another run', () => ({ claims: { jti: 'hpc/13/1' } }), 'credential_malformed'],
  ];
  it.each(refusals)('refuses an assertion %s, with a record', async (_how, run, code) => {
    expect(await register(run())).toMatchObject({ code });
    expect((await records()).at(-1)).toMatchObject({
      action: 'run_register',
      outcome: 'refused',
      code,
      actor: 'signer:hpc',
    });
    expect(await broker.ledger.listRuns()).toEqual([]);
  });

  it('refuses everybody but the signer of the cluster', async () => {
    for (const certificate of [
      broker.nodeCertificate('n1'),
      broker.signerCertificate('other'),
      broker.ca.issueClient({ commonName: 'signer' }),
    ]) {
      expect(await register({}, [], runClient(certificate))).toMatchObject({
        code: 'credential_unknown_issuer',
      });
    }
    expect((await records()).at(-1)).toMatchObject({
      action: 'run_register',
      outcome: 'refused',
      code: 'credential_unknown_issuer',
      peer: '127.0.0.1',
    });
  });

  it('with two clusters is the signer’s of its own, and so is every word about it', async () => {
    await broker[Symbol.asyncDispose]();
    broker = await startSlurmBroker({ hasOther: true });
    const start = startOfRun();
    await register({ start });
    const others = runClient(broker.signerCertificate(otherCluster));
    // The other's signer with an assertion of this cluster, and this one's with a key of the other.
    expect(await register({ start, jobId: 13 }, [], others)).toMatchObject({
      code: 'credential_unknown_issuer',
    });
    const byOther = { byOther: true, header: { kid: 'k2' } };
    expect(await register({ start, jobId: 13, ...byOther })).toMatchObject({
      code: 'credential_unknown_key',
    });
    expect(await register({ start, jobId: 13, byOther: true })).toMatchObject({
      code: 'credential_bad_signature',
    });
    expect((await records()).filter(({ outcome }) => outcome === 'refused')).toMatchObject([
      { action: 'run_register', code: 'credential_unknown_issuer', actor: `signer:${otherCluster}` },
      { action: 'run_register', code: 'credential_unknown_key', actor: 'signer:hpc' },
      { action: 'run_register', code: 'credential_bad_signature', actor: 'signer:hpc' },
    ]);

    // Job 12 of the other cluster is another job.
    const node = broker.nodeCertificate('n1', { of: otherCluster });
    expect(await hold({ job: 12, uid: 20_001 }, node).ended).toMatchObject({ code: 'workload_unknown' });
    const ended = await ask<{ known: boolean }>((deadline, answer) =>
      others.endRun({ run: { jobId: 12, start } }, deadline, answer),
    );
    expect(ended.response).toEqual({ known: false });
    const reported = await ask<{ ended: number }>((deadline, answer) =>
      others.reportRuns({ runs: [], asOfMs: Date.now() }, deadline, answer),
    );
    expect(reported.response).toMatchObject({ ended: 0 });
    expect(await broker.ledger.findRun(`run/hpc/12/${start}`)).toMatchObject({ state: 'active' });

    const own = { iss: `slurm:${otherCluster}`, cluster: otherCluster, jti: `${otherCluster}/12/${start}` };
    const registered = await register({ start, claims: own, ...byOther }, [], others);
    expect(registered).toMatchObject({
      code: undefined,
      response: { workload: `run/${otherCluster}/12/${start}` },
    });
    expect(backendCalls()).toEqual([]);
  });

  it('of a later run ends the one before, and an older word is refused', async () => {
    const start = startOfRun();
    await register({ start: start - 10 });
    await register({ start });
    expect(await register({ start: start - 10 })).toMatchObject({ code: 'workload_ended' });
    expect(await register({ start: start - 20 })).toMatchObject({ code: 'workload_ended' });
    expect((await broker.ledger.listRuns()).map(({ identity }) => identity.start)).toEqual([start]);
    const refused = {
      action: 'run_register',
      outcome: 'refused',
      code: 'workload_ended',
      actor: 'signer:hpc',
    };
    expect((await records()).filter(({ outcome }) => outcome === 'refused')).toMatchObject([
      { ...refused, workload: `run/hpc/12/${start - 10}` },
      { ...refused, workload: `run/hpc/12/${start - 20}` },
    ]);
  });

  it('keeps to what was said first', async () => {
    const start = startOfRun();
    await register({ start });
    expect(await register({ start, claims: { uid: 20_002, user: 'mallory' } })).toMatchObject({
      code: 'workload_ended',
    });
    expect((await records()).filter(({ action }) => action === 'run_register')).toMatchObject([
      { outcome: 'ok', user: 'alice' },
      {
        outcome: 'refused',
        code: 'workload_ended',
        actor: 'signer:hpc',
        workload: `run/hpc/12/${start}`,
        user: 'mallory',
      },
    ]);
  });
});

describe('a report, compared', () => {
  const identity = aRunIdentity();
  const { jobId, start, workload } = identity;
  const report = (
    runs: readonly ReportedRun[],
    asOfMs = Date.now(),
    jobs: { readonly fromJobId?: number; readonly toJobId?: number } = {},
  ) =>
    ask<{ ended: number }>((deadline, answer) =>
      runClient().reportRuns({ runs: [...runs], asOfMs, ...jobs }, deadline, answer),
    );
  beforeEach(async () => {
    const run = { identity, restarts: 0, sluid: undefined, endsAt: undefined, bundles: ['db'] };
    await broker.ledger.registerRun({ run, at: Date.now() - 120_000 });
  });

  it('from a clock that is ahead is refused, with a record, and silences none that follows', async () => {
    expect(await report([], Date.now() + 60_000)).toMatchObject({ code: 'request_invalid' });
    expect((await records()).at(-1)).toMatchObject({
      action: 'run_report',
      outcome: 'refused',
      code: 'request_invalid',
      actor: 'signer:hpc',
    });
    expect(await broker.ledger.findRun(workload)).toMatchObject({ state: 'active' });
    expect((await report([], Date.now() + 5_000)).response).toEqual({ ended: 1, toCancel: [] });
  });

  it('made long ago says nothing of what was registered since', async () => {
    expect((await report([], Date.now() - 300_000)).response).toEqual({ ended: 0, toCancel: [] });
    expect((await report([])).response).toEqual({ ended: 1, toCancel: [] });
    expect(await broker.ledger.findRun(workload)).toMatchObject({ state: 'ended' });
  });

  it('of a range of jobs says nothing of any other', async () => {
    const outside = await report([{ run: { jobId, start } }], Date.now(), { fromJobId: jobId + 1 });
    expect(outside).toMatchObject({ code: 'request_invalid' });
    for (const range of [{ fromJobId: jobId + 1 }, { toJobId: jobId - 1 }])
      expect((await report([], Date.now(), range)).response).toEqual({ ended: 0, toCancel: [] });
    expect(await broker.ledger.findRun(workload)).toMatchObject({ state: 'active' });
    const its = { fromJobId: jobId, toJobId: jobId };
    expect((await report([{ run: { jobId, start } }], Date.now(), its)).response).toMatchObject({ ended: 0 });
    expect((await report([], Date.now(), its)).response).toEqual({ ended: 1, toCancel: [] });
    expect(await broker.ledger.findRun(workload)).toMatchObject({ state: 'ended' });
  });

  it('knows a run whose nodes had to boot by a later start, and no other run of its job', async () => {
    const booted = { run: { jobId, start: start + 600 }, endsAtMs: 7_000, submitted: start - 10 };
    expect((await report([booted])).response).toEqual({ ended: 0, toCancel: [] });
    expect(await broker.ledger.findRun(workload)).toMatchObject({ state: 'active', endsAt: 7_000 });
    expect((await report([{ ...booted, submitted: start + 300, restarts: 1 }])).response).toEqual({
      ended: 1,
      toCancel: [],
    });
  });
});

describe('a node', () => {
  const reference = { job: 12, uid: 20_001 };

  it('redeems its run and shares one credential with the others', async () => {
    const start = startOfRun();
    await register({ start });
    const [one, two] = [
      hold(reference, broker.nodeCertificate('n1')),
      hold(reference, broker.nodeCertificate('n2')),
    ];
    await Promise.all([seen(one, 'welcome'), seen(two, 'welcome')]);
    expect(of(one, 'welcome')[0]).toMatchObject({
      workload: `run/hpc/12/${start}`,
      spiffeId: `spiffe://test/slurm/hpc/user/alice/job/12/run/${start}`,
      run: { bundles: ['db'], uid: 20_001, gid: 20_001, start, restarts: 0 },
    });
    openBundle(one);
    openBundle(two);
    await Promise.all([seen(one, 'generation'), seen(two, 'generation')]);
    expect(passwords(one)).toEqual(passwords(two));
    expect(broker.backend.aliveCredentials()).toHaveLength(1);
    const [session] = await broker.ledger.listSessions({ limit: 10 });
    expect(session?.bundle).toBe('db');
    const holders = await broker.ledger.listHolders([session?.id ?? '']);
    expect([...holders.values()]).toMatchObject([[{ name: 'n1' }, { name: 'n2' }]]);
    // Bound to the time limit and a little more, not to the bundle's day.
    expect(session?.deadlineAt).toBe((start + 3_600 + 600) * 1000);
  });

  it('is refused when it is not of the run, is nobody, or says what does not fit', async () => {
    const start = startOfRun();
    await register({ start });
    const [n1, n2] = [broker.nodeCertificate('n1'), broker.nodeCertificate('n2')];
    const rows: readonly [unknown, KeyAndCertificate, string][] = [
      [reference, broker.nodeCertificate('n3'), 'workload_unknown'],
      [{ job: 13, uid: 20_001 }, n1, 'workload_unknown'],
      [{ job: 12, uid: 20_002 }, n1, 'credential_wrong_workload'],
      [{ ...reference, run: `run/hpc/12/${start - 1}` }, n2, 'workload_ended'],
      [{ ...reference, node: 'n1' }, n2, 'credential_malformed'],
      ['not JSON', n2, 'credential_malformed'],
      [reference, broker.signerCertificate(), 'credential_unknown_issuer'],
      [reference, broker.ca.issueClient({ commonName: 'n1' }), 'credential_unknown_issuer'],
    ];
    for (const [shown, certificate, code] of rows)
      expect(await hold(shown, certificate).ended, code).toMatchObject({ code });
    expect(backendCalls()).toEqual([]);
    // Those that a certificate names, each for itself; the others as strangers.
    const refusals = (await records()).filter(({ outcome }) => outcome === 'refused');
    expect(refusals.map(({ action, node, code }) => [action, node, code])).toEqual([
      ['attach', 'hpc/n3', 'workload_unknown'],
      ['attach', 'hpc/n1', 'workload_unknown'],
      ['attach', 'hpc/n1', 'credential_wrong_workload'],
      ['attach', 'hpc/n2', 'workload_ended'],
      ['attach', 'hpc/n2', 'credential_malformed'],
      ['attach', undefined, 'credential_unknown_issuer'],
    ]);
  });

  it('of one task of an array gets nothing of another task, nor does the word for one register the other', async () => {
    const start = startOfRun();
    const task = (id: number) => ({ array: { job_id: 12, task_id: id } });
    await register({ start, nodes: ['n1'], claims: task(0) });
    await register({ start, jobId: 13, nodes: ['n2'], claims: task(1) });
    const n1 = broker.nodeCertificate('n1');
    const rows: readonly [unknown, string][] = [
      [{ ...reference, job: 13 }, 'workload_unknown'],
      [{ ...reference, job: 13, run: `run/hpc/12/${start}` }, 'workload_unknown'],
      [{ ...reference, run: `run/hpc/13/${start}` }, 'workload_ended'],
    ];
    for (const [shown, code] of rows) expect(await hold(shown, n1).ended, code).toMatchObject({ code });
    const other = { job_id: 13, jti: `hpc/12/${start}`, ...task(1) };
    expect(await register({ start, nodes: ['n1'], claims: other })).toMatchObject({
      code: 'credential_malformed',
    });
    expect((await records()).filter(({ outcome }) => outcome === 'refused')).toMatchObject([
      // One record for what a node is refused again and again.
      { action: 'attach', code: 'workload_unknown', node: 'hpc/n1' },
      { action: 'attach', code: 'workload_ended', node: 'hpc/n1' },
      { action: 'run_register', code: 'credential_malformed', actor: 'signer:hpc' },
    ]);
    expect(backendCalls()).toEqual([]);
  });

  it('gets nothing that its job did not ask for', async () => {
    await register();
    const holding = hold(reference, broker.nodeCertificate('n1'));
    await seen(holding, 'welcome');
    openBundle(holding, 'key');
    await seen(holding, 'refused');
    expect(of(holding, 'refused')[0]).toMatchObject({ bundle: 'key', code: 'not_granted' });
    await register({ jobId: 13 }, ['key']);
    const asking = hold({ ...reference, job: 13 }, broker.nodeCertificate('n2'));
    await seen(asking, 'welcome');
    openBundle(asking, 'key');
    await seen(asking, 'generation');
    expect((await records()).filter(({ code }) => code === 'not_granted')).toMatchObject([
      { action: 'open', outcome: 'refused', job: '12', holder: 'n1', bundle: 'key' },
    ]);
  });

  it('with another key is refused and alarmed, unless its certificate is newer', async () => {
    await register();
    const first = hold(reference, broker.nodeCertificate('n1'));
    await seen(first, 'welcome');
    expect(await hold(reference, broker.nodeCertificate('n1')).ended).toMatchObject({
      code: 'node_other_key',
    });
    expect((await records()).find(({ action }) => action === 'node_key')).toMatchObject({
      outcome: 'refused',
      code: 'node_other_key',
      node: 'hpc/n1',
    });
    const renewed = hold(
      reference,
      broker.nodeCertificate('n1', { notBefore: new Date(Date.now() - 1_000) }),
    );
    await seen(renewed, 'welcome');
    expect((await records()).filter(({ action }) => action === 'node_key').at(-1)).toMatchObject({
      outcome: 'ok',
    });
  });

  it('holds until the end that the scheduler began is over, and gets nothing new', async () => {
    await broker[Symbol.asyncDispose]();
    // Long enough for another node to come meanwhile.
    broker = await startSlurmBroker({ endGraceSeconds: 10 });
    const start = startOfRun();
    await register({ start });
    const n1 = broker.nodeCertificate('n1');
    const holding = hold(reference, n1);
    await seen(holding, 'welcome');
    openBundle(holding);
    await seen(holding, 'generation');
    const end = (jobId: number) =>
      ask<{ known: boolean }>((deadline, answer) =>
        runClient().endRun({ run: { jobId, start } }, deadline, answer),
      );
    expect((await end(13)).response).toEqual({ known: false });
    expect((await end(12)).response).toEqual({ known: true });
    const late = hold(reference, broker.nodeCertificate('n2'));
    await seen(late, 'welcome');
    openBundle(late);
    await seen(late, 'refused');
    expect(of(late, 'refused')[0]).toMatchObject({ code: 'workload_terminating' });
    await seen(holding, 'revoked');
    expect(of(holding, 'revoked')[0]).toMatchObject({ reason: 'REVOKE_REASON_WORKLOAD_ENDED' });
    await waitFor('the account to go', async () => broker.backend.aliveCredentials().length === 0);
    expect(await hold(reference, n1).ended).toMatchObject({ code: 'workload_unknown' });
    const workload = `run/hpc/12/${start}`;
    expect(await hold({ ...reference, run: workload }, n1).ended).toMatchObject({ code: 'workload_ended' });
    expect((await records()).filter(({ action }) => action === 'run_end')).toMatchObject([
      { job: '12', outcome: 'ok' },
      { job: '12', outcome: 'ok' },
    ]);
    const refusals = (await records()).filter(({ outcome }) => outcome === 'refused');
    expect(refusals).toMatchObject([
      { action: 'open', code: 'workload_terminating', job: '12', holder: 'n2', bundle: 'db' },
      { action: 'attach', code: 'workload_unknown', node: 'hpc/n1' },
      { action: 'attach', code: 'workload_ended', node: 'hpc/n1' },
    ]);
  });

  it('gets nothing new once another broker has ended its run, and is sent away', async () => {
    const start = startOfRun();
    await register({ start });
    const holding = hold(reference, broker.nodeCertificate('n1'));
    await seen(holding, 'welcome');
    await broker.ledger.endRun({ workload: `run/hpc/12/${start}`, at: Date.now() });
    openBundle(holding);
    await seen(holding, 'refused');
    expect(of(holding, 'refused')[0]).toMatchObject({ code: 'workload_ended' });
    const refusals = async () => (await records()).filter(({ outcome }) => outcome === 'refused');
    await waitFor('the record', async () => (await refusals()).length > 0);
    expect(await refusals()).toMatchObject([
      { action: 'open', code: 'workload_ended', job: '12', holder: 'n1' },
    ]);
    expect(backendCalls()).toEqual([]);
    expect(await holding.ended).toMatchObject({ code: 'workload_ended' });
  });

  it('that is done with it does not take it from the others; the last one does', async () => {
    await register();
    const [one, two] = [
      hold(reference, broker.nodeCertificate('n1')),
      hold(reference, broker.nodeCertificate('n2')),
    ];
    for (const holding of [one, two]) {
      await seen(holding, 'welcome');
      openBundle(holding);
      await seen(holding, 'generation');
    }
    const letGo = (holding: Holding) => {
      const sessionId = of(holding, 'opened')[0]?.sessionId ?? '';
      holding.call.write({ wiped: { sessionId } });
      holding.call.write({ release: { sessionId } });
    };
    // Away for a moment, in the middle of its job.
    two.call.end();
    await two.ended;
    letGo(one);
    await waitFor('the first word', async () =>
      (await records()).some(({ action, holder }) => action === 'wiped' && holder === 'n1'),
    );
    const back = hold(reference, broker.nodeCertificate('n2', { notBefore: new Date(Date.now() - 1_000) }));
    await seen(back, 'welcome');
    openBundle(back);
    await seen(back, 'generation');
    expect(broker.backend.aliveCredentials().length).toBeGreaterThan(0);
    letGo(back);
    await waitFor('the account to go', async () => broker.backend.aliveCredentials().length === 0);
  });
});

describe('a run that ends', () => {
  it('waits for the nodes that can be reached, and for nobody else', async () => {
    await broker[Symbol.asyncDispose]();
    broker = await startSlurmBroker({ endGraceSeconds: 600 });
    const start = startOfRun();
    await register({ start });
    const [one, two] = [
      hold({ job: 12, uid: 20_001 }, broker.nodeCertificate('n1')),
      hold({ job: 12, uid: 20_001 }, broker.nodeCertificate('n2')),
    ];
    for (const holding of [one, two]) {
      await seen(holding, 'welcome');
      openBundle(holding);
      await seen(holding, 'generation');
    }
    await ask((deadline, answer) => runClient().endRun({ run: { jobId: 12, start } }, deadline, answer));
    const sessionId = of(one, 'opened')[0]?.sessionId ?? '';
    one.call.write({ wiped: { sessionId } });
    one.call.write({ release: { sessionId } });
    await waitFor('the word of the first', async () =>
      (await records()).some(({ action }) => action === 'wiped'),
    );
    expect(broker.backend.aliveCredentials()).toHaveLength(1);
    // As a node that is lost: no epilog, no word.
    two.call.cancel();
    await waitFor('the account to go', async () => broker.backend.aliveCredentials().length === 0);
    expect(await broker.ledger.listRuns()).toEqual([]);
  });
});

describe('a report', () => {
  const report = (runs: readonly { jobId: number; start: number; endsAtMs: number }[], asOfMs = Date.now()) =>
    ask<{ ended: number }>((deadline, answer) =>
      runClient().reportRuns(
        { runs: runs.map(({ jobId, start, endsAtMs }) => ({ run: { jobId, start }, endsAtMs })), asOfMs },
        deadline,
        answer,
      ),
    );

  it('moves ends, and spares a run that it may not have seen yet', async () => {
    const start = startOfRun();
    await register({ start });
    const endsAtMs = (start + 7_200) * 1000;
    expect((await report([{ jobId: 12, start, endsAtMs }])).response).toEqual({ ended: 0, toCancel: [] });
    expect(await broker.ledger.findRun(`run/hpc/12/${start}`)).toMatchObject({ endsAt: endsAtMs });
    expect((await report([])).response).toEqual({ ended: 0, toCancel: [] });
    expect(await broker.ledger.findRun(`run/hpc/12/${start}`)).toMatchObject({ state: 'active' });
  });

  it('without an instant, or with a run without a name, is refused', async () => {
    expect(await report([], 0)).toMatchObject({ code: 'request_invalid' });
    expect(await report([{ jobId: 0, start: 1, endsAtMs: 0 }])).toMatchObject({ code: 'request_invalid' });
  });
});

describe('an explanation', () => {
  it('says of a described run which rule decides, and why', async () => {
    const { target, credentials, options } = channelOf(
      broker.ca.issueClient({ commonName: 'ada' }),
      broker.admin,
    );
    const client = new (loadAdminApi().leasehold.v1.AdminService)(target, credentials, options);
    open.push(client);
    const explain = (run: DescribedRun) =>
      ask<{ allowed: boolean; rule: string; spiffeId: string; rules: { failed: string }[] }>(
        (deadline, answer) => client.explain({ bundle: 'db', run }, deadline, answer),
      );
    const described = { cluster: 'hpc', user: 'alice', partition: 'gpu', nodes: ['n1'] };
    expect((await explain(described)).response).toMatchObject({
      allowed: true,
      rule: 'gpu',
      nodeWithoutSecrets: 'fail_tasks',
      spiffeId: 'spiffe://test/slurm/hpc/user/alice/job/0/run/0',
    });
    expect((await explain({ ...described, partition: 'cpu' })).response).toMatchObject({
      allowed: false,
      rules: [{ failed: 'partition' }, { failed: 'node' }],
    });
    expect(await explain({ ...described, user: '' })).toMatchObject({ code: 'request_invalid' });
  });
});

describe('the matchers', () => {
  const matchers = (certificate?: KeyAndCertificate) =>
    ask<{ matchers: { grant: string; partitions: string[]; nodes: string[] }[] }>((deadline, answer) =>
      runClient(certificate).getRunMatchers({}, deadline, answer),
    );

  it('tell the signer and the nodes of a cluster which runs need secrets', async () => {
    for (const certificate of [broker.signerCertificate(), broker.nodeCertificate('n1')]) {
      const { response } = await matchers(certificate);
      expect(response?.matchers).toMatchObject([
        { grant: 'gpu', partitions: ['gpu'], users: [], nodes: [] },
        { grant: 'elsewhere', partitions: [], nodes: ['gpu*'], array: false },
      ]);
      expect(response?.matchers[0]).not.toHaveProperty('array');
    }
  });

  it('are signed with the certificate that the broker has at the moment', async () => {
    const signedBy = async () => {
      const { response } = await ask<GetRunMatchersResponse__Output>((deadline, answer) =>
        runClient(broker.signerCertificate()).getRunMatchers({}, deadline, answer),
      );
      const signed = response?.signed ?? expect.unreachable();
      const trust = { ca: Buffer.from(broker.ca.certificate), names: ['127.0.0.1'], cluster };
      expect(openMatchers(signed, trust).matchers).toHaveLength(2);
      return new X509Certificate(signed.certificates[0] ?? '').serialNumber;
    };
    const serial = ({ certificate }: KeyAndCertificate) => new X509Certificate(certificate).serialNumber;
    const before = await signedBy();
    const next = broker.ca.issueServer();
    await writeFile(join(broker.folder, 'tls.crt'), next.certificate);
    await writeFile(join(broker.folder, 'tls.key'), next.key);
    await vi.waitFor(async () => expect(await signedBy()).toBe(serial(next)), { timeout: 120_000 });
    expect(before).not.toBe(serial(next));
  });

  it('are told to nobody else, and other calls to no node, with a record', async () => {
    const code = 'credential_unknown_issuer';
    const stranger = broker.ca.issueClient({ commonName: 'n1', uri: 'spiffe://test/slurm/other/node/n1' });
    expect(await matchers(stranger)).toMatchObject({ code });
    expect(await register({}, [], runClient(broker.nodeCertificate('n1')))).toMatchObject({ code });
    // One record for what comes from one address within a moment.
    const refused = (await records()).filter((record) => record['code'] === code);
    expect(refused).toMatchObject([{ action: 'run_register', outcome: 'refused', peer: '127.0.0.1' }]);
  });

  it('come to a node that asks without a gRPC library', async () => {
    const fetch = (certificate: KeyAndCertificate, address = broker.nodes) =>
      fetchRunMatchers({
        endpoint: {
          address,
          ca: Buffer.from(broker.ca.certificate),
          clientCertificate: {
            certificate: Buffer.from(certificate.certificate),
            key: Buffer.from(certificate.key),
          },
        },
        timeoutMs: 50_000,
        signal: new AbortController().signal,
      });
    const none = { users: [], groups: [], accounts: [], qos: [], nodes: [] };
    const { matchers, signed } = await fetch(broker.nodeCertificate('n1'));
    expect(matchers).toEqual([
      { ...none, partitions: ['gpu'] },
      { ...none, partitions: [], nodes: ['gpu*'], array: false },
    ]);
    const trust = { ca: Buffer.from(broker.ca.certificate), names: ['127.0.0.1'], cluster };
    const opened = openMatchers(signed ?? expect.unreachable(), trust);
    expect(opened).toEqual({ issuedAt: expect.any(Number) as number, matchers });
    expect(areOutOfDate(opened, Date.now())).toBe(false);
    const stranger = broker.ca.issueClient({ commonName: 'n1', uri: 'spiffe://test/slurm/other/node/n1' });
    await expect(fetch(stranger)).rejects.toMatchObject({ code: 'credential_unknown_issuer' });
    await expect(fetch(broker.nodeCertificate('n1'), '127.0.0.1:1')).rejects.toMatchObject({
      code: 'broker_unavailable',
    });
  });
});
