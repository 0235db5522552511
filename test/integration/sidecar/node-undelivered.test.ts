import { mkdir, readdir, readFile, symlink } from 'node:fs/promises';
import { expect, it, vi } from 'vitest';
import { startOfRun, startSlurmBroker, type SlurmBroker } from '../../support/slurm-broker.ts';
import { aRunIdentity } from '../../contract/ledger/runs-contract.ts';
import { startSwitch } from '../../support/switch.ts';
import { createNodeWorld, slurmd } from './node-world.ts';

const policy = `
bundles:
  db:
    tokenRole: leasehold-db
    ttl: 10m
    maxTtl: 1d
    outage: { mode: keep }
    nodeWithoutSecrets: cancel_job
    secrets: { database: { leased: database/creds/app } }
    files: { database.env: { secret: database, format: dotenv, mode: '0400' } }
grants:
  - { name: gpu, allow: db, runs: { cluster: hpc, partition: gpu } }
`;

const job = { SLURM_CLUSTER_NAME: 'hpc', SLURM_JOB_ID: 12, SLURM_JOB_UID: 20_001, SLURM_JOB_GID: 20_002 };

async function createSite(prologSeconds: number) {
  await using building = new AsyncDisposableStack();
  const broker = building.use(await startSlurmBroker({ policy }));
  const way = building.use(await startSwitch(broker.nodes));
  const world = building.use(
    await createNodeWorld(
      { address: way.address, ca: broker.ca.certificate, authority: broker.ca },
      `prolog: { seconds: ${prologSeconds} }`,
      'spiffe://test/slurm/hpc/node/n1',
    ),
  );
  const owned = building.move();
  return { broker, way, world, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** As a signer would register it. */
const register = async (broker: SlurmBroker, restarts = 0) => {
  const identity = aRunIdentity({ start: startOfRun() + restarts });
  const run = { identity, restarts, sluid: undefined, endsAt: undefined, bundles: ['db'] };
  await broker.ledger.registerRun({ run, at: Date.now() });
  return identity.workload;
};
const words = async (broker: SlurmBroker) =>
  (await readFile(broker.auditFile, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ action }) => action === 'run_undelivered');
const toCancel = async (broker: SlurmBroker) =>
  (await broker.ledger.listRunsToCancel({ cluster: 'hpc' })).map(({ identity }) => identity.workload);

it('a node whose prolog found no broker says so when there is one again, of that run', async () => {
  await using site = await createSite(2);
  const { broker, way, world } = site;
  const workload = await register(broker);
  await world.start();
  way.close(true);
  expect(await world.hook('prolog', slurmd(job))).toMatch(/^FAIL The credentials of this job could not be/);
  expect(await words(broker)).toEqual([]);
  way.close(false);
  await vi.waitFor(async () => expect(await words(broker)).toHaveLength(1), { timeout: 180_000 });
  expect(await words(broker)).toMatchObject([{ outcome: 'failed', workload, node: 'hpc/n1' }]);
  expect(await toCancel(broker)).toEqual([workload]);
});

it('a node that finds a link where the files of a run are to be says why, and puts nothing behind it', async () => {
  await using site = await createSite(20);
  const { broker, world } = site;
  const workload = await register(broker);
  await world.start();
  await mkdir(world.path('elsewhere'));
  const start = workload.split('/').at(-1) ?? '';
  await symlink(world.path('elsewhere'), world.path(`run/runs/12-${start}`));
  expect(await world.hook('prolog', slurmd(job))).toMatch(/^FAIL /);
  await vi.waitFor(async () => expect(await words(broker)).toHaveLength(1), { timeout: 180_000 });
  expect(await words(broker)).toMatchObject([
    { outcome: 'failed', workload, node: 'hpc/n1', code: 'delivery_unsafe' },
  ]);
  expect(await readdir(world.path('elsewhere'))).toEqual([]);
  expect(broker.backend.aliveCredentials()).toEqual([]);
});

it('a node says nothing of a run that is over there, nor of the next one of its job', async () => {
  // The second prolog is served in that time, by a connection that was broken before.
  await using site = await createSite(20);
  const { broker, way, world } = site;
  await register(broker);
  await world.start();
  way.close(true);
  expect(await world.hook('prolog', slurmd(job))).toMatch(/^FAIL /);
  expect(await world.hook('epilog', slurmd(job))).toBe('OK\n');
  await register(broker, 1);
  way.close(false);
  expect(await world.hook('prolog', slurmd({ ...job, SLURM_JOB_RESTART_COUNT: 1 }))).toBe('OK\n');
  expect(await words(broker)).toEqual([]);
  expect(await toCancel(broker)).toEqual([]);
});
