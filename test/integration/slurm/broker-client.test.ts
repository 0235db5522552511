import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connectBroker, isDecision } from '../../../src/slurm/broker-client.ts';
import { partsOf } from '../../../src/slurm/report-parts.ts';
import { startSwitch } from '../../support/switch.ts';
import { cluster, startOfRun, startSlurmBroker, type SlurmBroker } from '../../support/slurm-broker.ts';

const owned = new AsyncDisposableStack();
/** One knows the signer's key, the other has an older one. */
let seeing: SlurmBroker;
let blind: SlurmBroker;
const anyTime = new AbortController().signal;

const connect = (...addresses: string[]) =>
  connectBroker(
    {
      addresses,
      ca: join(seeing.folder, 'ca.crt'),
      certificate: join(seeing.folder, 'signer.crt'),
      key: join(seeing.folder, 'signer.key'),
    },
    { timeoutMs: 240_000 },
  );
const assertionOf = async (run: { readonly jobId: number; readonly start?: number }) =>
  Buffer.from(await seeing.assertion(run));
const failureOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  );

beforeAll(async () => {
  seeing = owned.use(await startSlurmBroker());
  blind = owned.use(await startSlurmBroker({ ca: seeing.ca }));
  const { certificate, key } = seeing.signerCertificate();
  await writeFile(join(seeing.folder, 'signer.crt'), certificate);
  await writeFile(join(seeing.folder, 'signer.key'), key, { mode: 0o600 });
});
afterAll(() => owned.disposeAsync());

it('asks the next broker where one cannot tell, whatever the reason', async () => {
  using client = await connect(blind.nodes, seeing.nodes);
  const answer = await client.register({ assertion: await assertionOf({ jobId: 71 }) }, anyTime);
  expect(answer.bundles).toEqual(['db']);
  expect(await seeing.ledger.findRunOfJob({ cluster, jobId: 71 })).toBeDefined();
  expect(await blind.ledger.findRunOfJob({ cluster, jobId: 71 })).toBeUndefined();
});

it('says what the last one was in trouble with, which decides nothing about the run', async () => {
  using client = await connect(blind.nodes);
  const error = await failureOf(client.register({ assertion: await assertionOf({ jobId: 72 }) }, anyTime));
  expect(error).toMatchObject({ code: 'credential_bad_signature' });
  expect(isDecision(error)).toBe(false);
});

it('takes a decision for the answer of all', async () => {
  const start = startOfRun();
  using client = await connect(seeing.nodes, blind.nodes);
  await client.register({ assertion: await assertionOf({ jobId: 73, start }) }, anyTime);
  const earlier = await assertionOf({ jobId: 73, start: start - 10 });
  const error = await failureOf(client.register({ assertion: earlier }, anyTime));
  expect(error).toMatchObject({ code: 'workload_ended' });
  expect(isDecision(error)).toBe(true);
});

it('hears a broker within seconds of its return, however long it was away', async () => {
  await using way = await startSwitch(seeing.nodes);
  using client = await connect(way.address);
  const report = () => failureOf(client.report({ asOfMs: Date.now(), runs: [] }, anyTime));
  expect(await report()).toBeUndefined();
  way.close(true);
  // A pause between attempts that grew without a limit would be 15 s by then.
  const reopened = Date.now() + 30_000;
  while (Date.now() < reopened) {
    expect(await report()).toMatchObject({ code: 'broker_unavailable' });
    await delay(500);
  }
  way.close(false);
  while ((await report()) !== undefined) await delay(100);
  expect(Date.now() - reopened).toBeLessThan(9_000);
});

it('reports the largest part of a cluster’s runs in one message, and a larger one is refused whole', async () => {
  using client = await connect(seeing.nodes);
  const start = startOfRun();
  const rows = Array.from({ length: 60_000 }, (_, index) => ({
    // As long as each of these gets.
    run: { jobId: 0xffff_0000 - index, start },
    endsAtMs: (start + 2 ** 32) * 1000,
    submitted: start,
    restarts: 0xffff_ffff,
    nodes: 100_000,
  }));
  const parts = partsOf(rows);
  expect(parts.map(({ runs }) => runs.length)).toEqual([50_000, 10_000]);
  for (const part of parts)
    expect(await client.report({ asOfMs: Date.now(), ...part }, anyTime)).toMatchObject({ ended: 0 });
  const runs = parts.flatMap((part) => part.runs);
  const error = await failureOf(client.report({ asOfMs: Date.now(), runs: [...runs, ...runs] }, anyTime));
  expect(error).toMatchObject({ code: 'request_invalid' });
});
