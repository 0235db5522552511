import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { brokerChannel } from '../../../src/rpc/client/channel.ts';
import type { ReportRunsResponse__Output } from '../../../src/rpc/gen/leasehold/v1/ReportRunsResponse.ts';
import { loadRunApi } from '../../../src/rpc/proto.ts';
import type { KeyAndCertificate } from '../../support/certificates.ts';
import {
  type SlurmBroker,
  startOfRun,
  startSlurmBroker,
  type StatedRun,
} from '../../support/slurm-broker.ts';
import { ask } from '../../unit/rpc/server-world.ts';

const policyOf = (nodeWithoutSecrets: string) => `
bundles:
  db:
    tokenRole: leasehold-db
    ttl: 10m
    maxTtl: 1d
    outage: { mode: keep }
    ${nodeWithoutSecrets}
    secrets: { database: { leased: database/creds/app } }
    files: { database.env: { secret: database, format: dotenv, mode: '0400' } }
grants:
  - { name: gpu, allow: db, runs: { cluster: hpc, partition: gpu } }
`;

let broker: SlurmBroker;
const open: { close(): void }[] = [];
const certificates = new Map<string, KeyAndCertificate>();
/** The same one each time: a node keeps its key. */
const certificateOf = (node: string) => {
  const certificate = certificates.get(node) ?? broker.nodeCertificate(node);
  certificates.set(node, certificate);
  return certificate;
};
const begin = async (nodeWithoutSecrets = 'nodeWithoutSecrets: cancel_job') => {
  broker = await startSlurmBroker({ policy: policyOf(nodeWithoutSecrets), endGraceSeconds: 600 });
};
beforeEach(() => begin());
afterEach(async () => {
  for (const client of open.splice(0)) client.close();
  certificates.clear();
  await broker[Symbol.asyncDispose]();
});

const clientOf = ({ certificate, key }: KeyAndCertificate) => {
  const { target, credentials, options } = brokerChannel({
    address: broker.nodes,
    ca: Buffer.from(broker.ca.certificate),
    clientCertificate: { certificate: Buffer.from(certificate), key: Buffer.from(key) },
  });
  const client = new (loadRunApi().leasehold.v1.RunService)(target, credentials, options);
  open.push(client);
  return client;
};
const signer = () => clientOf(broker.signerCertificate());
const register = async (run: StatedRun = {}, more: { readonly prologsAtStart?: boolean } = {}) => {
  const assertion = Buffer.from(await broker.assertion(run));
  return ask<{ workload: string }>((deadline, answer) =>
    signer().registerRun({ assertion, requestedBundles: [], ...more }, deadline, answer),
  );
};
const end = (start: number, cancelled = false) =>
  ask<{ known: boolean }>((deadline, answer) =>
    signer().endRun({ run: { jobId: 12, start }, cancelled }, deadline, answer),
  );
const say = (
  word: { readonly reference?: unknown; readonly restarts?: number | undefined; readonly code?: string } = {},
  certificate = certificateOf('n2'),
) => {
  const { reference = { job: 12, uid: 20_001 }, code = 'delivery_no_space' } = word;
  const request = {
    reference: Buffer.from(typeof reference === 'string' ? reference : JSON.stringify(reference)),
    ...('restarts' in word
      ? word.restarts === undefined
        ? {}
        : { restarts: word.restarts }
      : { restarts: 0 }),
    code,
  };
  return ask<{ cancels: boolean }>((deadline, answer) =>
    clientOf(certificate).reportUndelivered(request, deadline, answer),
  );
};
const report = () =>
  ask<ReportRunsResponse__Output>((deadline, answer) =>
    signer().reportRuns({ runs: [], asOfMs: Date.now() }, deadline, answer),
  );
const records = async () =>
  (await readFile(broker.auditFile, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
const recordsOf = async (action: string) => (await records()).filter((record) => record['action'] === action);

/** Nothing is to be cancelled, and the refusal is on record. */
const expectRefused = async (
  said: Promise<{ readonly code: string | undefined }>,
  code: string,
  node: string | undefined,
) => {
  expect(await said).toMatchObject({ code });
  // Of the same refusals in a moment, the log has one record and a count.
  const record = { outcome: 'refused', code, peer: '127.0.0.1' };
  const named = node === undefined ? record : { ...record, node: `hpc/${node}` };
  expect(await recordsOf('run_undelivered')).toContainEqual(expect.objectContaining(named));
  expect((await report()).response).toMatchObject({ toCancel: [] });
};

describe('a node that could not deliver', () => {
  it('is believed once, with a record, and the signer is told in every answer until the run ends', async () => {
    const start = startOfRun();
    await register({ start });
    expect((await report()).response).toMatchObject({ toCancel: [] });
    expect((await say()).response).toEqual({ cancels: true });
    const certificate = certificateOf('n1');
    for (let time = 0; time < 2; time += 1)
      expect((await say({ code: 'locked' }, certificate)).response).toEqual({ cancels: true });
    const expected = { workload: `run/hpc/12/${start}`, job: '12', user: 'alice', outcome: 'failed' };
    expect(await recordsOf('run_undelivered')).toMatchObject([
      {
        ...expected,
        node: 'hpc/n2',
        code: 'delivery_no_space',
        reason: 'its agent gave up; the job is to be cancelled',
      },
      { ...expected, node: 'hpc/n1', code: 'locked' },
    ]);
    const toCancel = [{ run: { jobId: 12, start }, restarts: 0 }];
    for (let time = 0; time < 2; time += 1) expect((await report()).response).toMatchObject({ toCancel });
    expect((await end(start, true)).response).toEqual({ known: true });
    expect(await recordsOf('run_cancel')).toMatchObject([
      { outcome: 'ok', actor: 'signer:hpc', workload: `run/hpc/12/${start}`, job: '12' },
    ]);
    expect((await report()).response).toMatchObject({ toCancel: [] });
  });

  it.each(['', 'nodeWithoutSecrets: fail_tasks'])(
    'has its word kept, and nothing cancelled, with the policy %j',
    async (key) => {
      await broker[Symbol.asyncDispose]();
      await begin(key);
      await register();
      expect((await say()).response).toEqual({ cancels: false });
      expect(await recordsOf('run_undelivered')).toMatchObject([
        { outcome: 'failed', node: 'hpc/n2', reason: 'its agent gave up; only its tasks there fail' },
      ]);
      expect((await report()).response).toMatchObject({ toCancel: [] });
    },
  );

  it('that is none of the run is refused', async () => {
    await register({ nodes: ['n1', 'n2'] });
    await expectRefused(say({}, certificateOf('n3')), 'workload_unknown', 'n3');
    const named = { job: 12, uid: 20_001, run: `run/hpc/12/${startOfRun()}` };
    await expectRefused(say({ reference: named }, certificateOf('n3')), 'workload_unknown', 'n3');
  });

  it('that shows another key than before is refused', async () => {
    await register();
    await say({}, certificateOf('n1'));
    await end(startOfRun());
    const start = startOfRun() + 5;
    await register({ start });
    await expectRefused(say({}, broker.nodeCertificate('n1')), 'node_other_key', 'n1');
  });

  it('of another cluster, without a name, or that is the signer, is refused', async () => {
    await register();
    const code = 'credential_unknown_issuer';
    const uri = 'spiffe://test/slurm/other/node/n2';
    await expectRefused(say({}, broker.ca.issueClient({ commonName: 'n2', uri })), code, undefined);
    expect(await say({}, broker.ca.issueClient({ commonName: 'n2' }))).toMatchObject({ code });
    expect(await say({}, broker.signerCertificate())).toMatchObject({ code });
    expect(await broker.ledger.listRunsToCancel({ cluster: 'hpc' })).toEqual([]);
  });

  it('speaks of no run that is not registered, ends, has ended, or is another of its job', async () => {
    await expectRefused(say(), 'workload_unknown', 'n2');
    const start = startOfRun() - 10;
    await register({ start });
    await expectRefused(say({ reference: { job: 13, uid: 20_001 } }), 'workload_unknown', 'n2');
    await end(start);
    await expectRefused(say(), 'workload_terminating', 'n2');
    const next = start + 10;
    await register({ start: next, claims: { restarts: 1 } });
    // The word of before, once more: by its name, and by its restart count.
    const named = { job: 12, uid: 20_001, run: `run/hpc/12/${start}` };
    await expectRefused(say({ reference: named, restarts: undefined }), 'workload_ended', 'n2');
    await expectRefused(say({ restarts: 0 }), 'workload_unknown', 'n2');
    expect((await say({ restarts: 1 })).response).toEqual({ cancels: true });
  });

  it.each([
    ['of another user', { reference: { job: 12, uid: 20_002 } }, 'credential_wrong_workload'],
    ['without a run or a restart count', { restarts: undefined }, 'request_invalid'],
    ['for a reason that is none', { code: 'because' }, 'request_invalid'],
    ['with a reference that is none', { reference: 'x' }, 'credential_malformed'],
    ['with more in it', { reference: { job: 12, uid: 20_001, cancel: 13 } }, 'credential_malformed'],
  ])('is refused %s', async (_how, word, code) => {
    await register();
    await expectRefused(say(word), code, 'n2');
  });
});

it.each([{}, { prologsAtStart: false }, { prologsAtStart: true }])(
  'a node that never asks is missed only where it had its prolog when the run began: %o',
  async (more) => {
    const { response } = await register({}, more);
    const running = [response?.workload ?? ''];
    const said = { running, others: [], silenceMs: 1_000, waitMs: 0, at: Date.now() };
    expect(await broker.ledger.seeRunning(said)).toEqual(more.prologsAtStart === true ? running : []);
  },
);
