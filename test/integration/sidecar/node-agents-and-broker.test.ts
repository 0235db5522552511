import { existsSync, statSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it, vi } from 'vitest';
import { brokerChannel } from '../../../src/rpc/client/channel.ts';
import { loadRunApi } from '../../../src/rpc/proto.ts';
import { claimsOf, hasNames, readStartingJob } from '../../../src/slurm/registration.ts';
import {
  startOfRun,
  startSlurmBroker,
  type SlurmBroker,
  type StatedRun,
} from '../../support/slurm-broker.ts';
import { ask } from '../../unit/rpc/server-world.ts';
import { createNodeWorld, patientProlog, slurmd, type NodeWorld } from './node-world.ts';

/** A session is over long before its run. */
const shortSessions = `
bundles:
  db:
    tokenRole: leasehold-db
    ttl: 20s
    maxTtl: 30s
    overlap: 2s
    outage: { mode: keep }
    secrets: { database: { leased: database/creds/app } }
    files:
      user: { secret: database, field: username, mode: '0400' }
      password: { secret: database, field: password, mode: '0400' }
grants:
  - { name: gpu, allow: db, runs: { cluster: hpc, partition: gpu } }
`;

const ownLeases = shortSessions.replace(
  'ttl: 20s\n    maxTtl: 30s',
  'ttl: 10m\n    maxTtl: 1d\n    perNode: true',
);

const alice = { uid: 20_001, gid: 20_001 };

async function createSite(
  brokerOptions: Parameters<typeof startSlurmBroker>[0] = {},
  settings = patientProlog,
) {
  await using building = new AsyncDisposableStack();
  const broker = building.use(await startSlurmBroker(brokerOptions));
  const worlds = new Map<string, NodeWorld>();
  for (const node of ['n1', 'n2']) {
    const way = { address: broker.nodes, ca: broker.ca.certificate, authority: broker.ca };
    worlds.set(
      node,
      building.use(await createNodeWorld(way, settings, `spiffe://test/slurm/hpc/node/${node}`)),
    );
  }
  const { target, credentials, options } = brokerChannel({
    address: broker.nodes,
    ca: Buffer.from(broker.ca.certificate),
    clientCertificate: pairOf(broker.signerCertificate()),
  });
  const client = new (loadRunApi().leasehold.v1.RunService)(target, credentials, options);
  building.defer(() => client.close());
  const owned = building.move();
  return {
    broker,
    world: (node: string) => worlds.get(node) ?? expect.unreachable(),
    register: async (run: StatedRun) => {
      const assertion = Buffer.from(await broker.assertion(run));
      return ask<{ workload: string }>((deadline, answer) =>
        client.registerRun({ assertion, requestedBundles: [] }, deadline, answer),
      );
    },
    endRun: (jobId: number, start: number, sluid = '') =>
      ask<{ known: boolean }>((deadline, answer) =>
        client.endRun({ run: { jobId, start }, sluid }, deadline, answer),
      ),
    hook: (node: string, verb: string, more: Readonly<Record<string, string | number>> = {}) =>
      (worlds.get(node) ?? expect.unreachable()).hook(
        verb,
        slurmd({
          SLURM_CLUSTER_NAME: 'hpc',
          SLURMD_NODENAME: node,
          SLURM_JOB_ID: 12,
          SLURM_JOB_UID: alice.uid,
          SLURM_JOB_GID: alice.gid,
          ...more,
        }),
      ),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const pairOf = ({ certificate, key }: { readonly certificate: string; readonly key: string }) => ({
  certificate: Buffer.from(certificate),
  key: Buffer.from(key),
});

const login = (world: NodeWorld, start: number, job = 12) =>
  readFile(world.path(`run/runs/${job}-${start}/db/database.env`), 'utf8');

async function sessionStates(broker: SlurmBroker): Promise<readonly string[]> {
  return (await broker.ledger.listSessions({ limit: 100 })).map(({ state }) => state);
}

async function auditOf(broker: SlurmBroker): Promise<readonly Record<string, unknown>[]> {
  const lines = (await readFile(broker.auditFile, 'utf8')).trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

const recordsOf = async (broker: SlurmBroker, wanted: string) =>
  (await auditOf(broker)).filter(({ action }) => action === wanted);
const refusalsOf = async (broker: SlurmBroker) =>
  (await auditOf(broker)).filter(({ outcome }) => outcome === 'refused');

/** What a signer states of job 12, whose hooks Slurm tells this SLUID. */
function claimsWith(start: number, sluid: string): NonNullable<StatedRun['claims']> {
  const variables = {
    SLURM_CLUSTER_NAME: 'hpc',
    SLURM_JOB_ID: '12',
    SLURM_JOB_UID: String(alice.uid),
    SLURM_JOB_GID: String(alice.gid),
    SLURM_JOB_USER: 'alice',
    SLURM_JOB_GROUP: 'users',
    SLURM_JOB_PARTITION: 'gpu',
    SLURM_JOB_NODELIST: 'n[1-2]',
    SLURM_JOB_SLUID: sluid,
  };
  const job = readStartingJob({ verb: 'register', variables: new Map(Object.entries(variables)) }, 'hpc');
  if (!hasNames(job)) return expect.unreachable();
  const { uid } = alice;
  const row = {
    jobId: 12,
    uid,
    start,
    endsAt: 0,
    submitted: start,
    restarts: 0,
    name: '12',
    nodes: 2,
    qos: '',
  };
  const site = {
    cluster: 'hpc',
    audience: 'leasehold',
    accountingEnforced: false,
    qosEnforced: false,
    now: Date.now(),
  };
  return { ...claimsOf(job, { ...row, isStarting: true, canBeHeld: true, state: undefined }, site) };
}

describe('a run with a SLUID', () => {
  const [earlier, own, later] = ['s5WCZ2JGZ0A100', 's5WCZ2JGZ0A101', 's5WCZ2JGZ0A102'];
  const refused = { outcome: 'refused', code: 'workload_ended', actor: 'signer:hpc' };

  it('is that run from the hook of the controller to the files on its nodes, and no other of the same second', async () => {
    await using site = await createSite();
    const { broker } = site;
    await Promise.all(['n1', 'n2'].map((node) => site.world(node).start()));
    const start = startOfRun();
    const workload = `run/hpc/12/${start}`;
    const register = (sluid: string) => site.register({ start, claims: claimsWith(start, sluid) });
    expect((await register(own)).response).toMatchObject({ workload });
    expect(await broker.ledger.findRun(workload)).toMatchObject({ sluid: own, state: 'active' });

    for (const other of [earlier, later])
      expect(await register(other)).toMatchObject({ code: 'workload_ended' });
    expect(await refusalsOf(broker)).toMatchObject([
      { ...refused, action: 'run_register', workload },
      { ...refused, action: 'run_register', workload },
    ]);

    expect(await site.hook('n1', 'prolog', { SLURM_JOB_SLUID: own })).toBe('OK\n');
    expect(await login(site.world('n1'), start)).toContain('password=');
    const other = site.hook('n2', 'prolog', { SLURM_JOB_SLUID: later });
    await vi.waitFor(
      async () =>
        expect((await refusalsOf(broker)).at(-1)).toMatchObject({
          action: 'attach',
          code: 'workload_unknown',
          node: 'hpc/n2',
        }),
      { timeout: 120_000 },
    );
    await site.hook('n2', 'epilog', { SLURM_JOB_SLUID: later });
    expect(await other).toMatch(/^FAIL /);
    expect(await readdir(site.world('n2').path('run/runs'))).toEqual([]);

    expect(await site.endRun(12, start, earlier)).toMatchObject({ code: 'workload_ended' });
    expect((await refusalsOf(broker)).at(-1)).toMatchObject({ ...refused, action: 'run_end', workload });
    expect(await broker.ledger.findRun(workload)).toMatchObject({ state: 'active' });
    expect(await site.endRun(12, start, '../x')).toMatchObject({ code: 'request_invalid' });
    expect((await site.endRun(12, start, own)).response).toEqual({ known: true });
    expect(await site.hook('n1', 'epilog', { SLURM_JOB_SLUID: own })).toBe('OK\n');
    await vi.waitFor(async () => expect(await sessionStates(broker)).toEqual(['ended']), {
      timeout: 120_000,
    });
  });
});

describe('node agents and a broker', () => {
  it('give each node of a run a login of its own where the bundle says so, taken back when that node lets go', async () => {
    await using site = await createSite({ policy: ownLeases, endGraceSeconds: 600 });
    const { broker } = site;
    await Promise.all(['n1', 'n2'].map((node) => site.world(node).start()));
    const start = startOfRun();
    await site.register({ start });
    const prologs = await Promise.all(['n1', 'n2'].map((node) => site.hook(node, 'prolog')));
    expect(prologs).toEqual(['OK\n', 'OK\n']);
    const told = (node: string, file: string) =>
      readFile(site.world(node).path(`run/runs/12-${start}/db/${file}`), 'utf8');
    const [first, second] = await Promise.all(
      ['n1', 'n2'].map(async (node) => [await told(node, 'user'), await told(node, 'password')] as const),
    );
    if (first === undefined || second === undefined) expect.unreachable();
    expect(first[0]).not.toBe(second[0]);
    expect([broker.backend.canLogin(...first), broker.backend.canLogin(...second)]).toEqual([true, true]);
    const sessions = await broker.ledger.listSessions({ limit: 10 });
    const holders = await broker.ledger.listHolders(sessions.map(({ id }) => id));
    expect(
      sessions.map(({ id, node }) => [node, holders.get(id)?.map(({ name }) => name)]).toSorted(),
    ).toEqual([
      ['n1', ['n1']],
      ['n2', ['n2']],
    ]);

    await site.endRun(12, start);
    expect(await site.hook('n1', 'epilog')).toBe('OK\n');
    await vi.waitFor(() => expect(broker.backend.canLogin(...first)).toBe(false), { timeout: 120_000 });
    expect(broker.backend.canLogin(...second)).toBe(true);
    expect(await site.hook('n2', 'epilog')).toBe('OK\n');
    await vi.waitFor(() => expect(broker.backend.aliveCredentials()).toEqual([]), { timeout: 120_000 });
    await vi.waitFor(async () => expect(await broker.ledger.listRuns()).toEqual([]), { timeout: 120_000 });
  });

  it.each([
    ['shared', { policy: shortSessions, nodes: ['n1', 'n2'], isGiven: false }],
    ['of its own', { policy: ownLeases, nodes: ['n1', 'n2'], isGiven: true }],
    ['of a run that is on no other', { policy: shortSessions, nodes: ['n1'], isGiven: true }],
  ] as const)('give a node a private key that is %s, or no key at all', async (_whose, given) => {
    await using site = await createSite({ policy: given.policy }, 'prolog: { seconds: 3 }');
    const { broker } = site;
    broker.backend.setDynamic('database/creds/app', {
      fields: { login: '-----BEGIN PRIVATE KEY-----\nMC4CAQAw\n-----END PRIVATE KEY-----\n' },
    });
    await site.world('n1').start();
    const start = startOfRun();
    await site.register({ start, nodes: given.nodes });
    expect(await site.hook('n1', 'prolog')).toMatch(given.isGiven ? /^OK\n$/ : /^FAIL /);
    expect(existsSync(site.world('n1').path(`run/runs/12-${start}/db/user`))).toBe(given.isGiven);
    const refusals = (await recordsOf(broker, 'open')).filter(({ code }) => code === 'backend_reply_invalid');
    expect(refusals.length > 0).toBe(!given.isGiven);
    // What was read before it was judged is taken back.
    if (!given.isGiven)
      await vi.waitFor(() => expect(broker.backend.aliveCredentials()).toEqual([]), { timeout: 60_000 });
  });

  it('give all nodes of a run the same login, and take it back when the last node has let go', async () => {
    await using site = await createSite();
    await Promise.all(['n1', 'n2'].map((node) => site.world(node).start()));
    const start = startOfRun();
    await site.register({ start });
    expect(await Promise.all([site.hook('n1', 'prolog'), site.hook('n2', 'prolog')])).toEqual([
      'OK\n',
      'OK\n',
    ]);
    const logins = await Promise.all(['n1', 'n2'].map((node) => login(site.world(node), start)));
    expect(logins[0]).toBe(logins[1]);
    const file = statSync(site.world('n2').path(`run/runs/12-${start}/db/database.env`));
    expect([file.uid, file.gid, file.mode & 0o7777]).toEqual([alice.uid, alice.gid, 0o400]);
    expect(site.world('n1').marker(12)).toContain('state=delivered\n');

    await site.endRun(12, start);
    expect(await site.hook('n1', 'epilog')).toBe('OK\n');
    expect(await site.hook('n2', 'epilog', { SLURM_JOB_RESTART_COUNT: 1 })).toBe('OK\n');
    await vi.waitFor(async () => expect(await sessionStates(site.broker)).toEqual(['ended']), {
      timeout: 120_000,
    });
    for (const node of ['n1', 'n2']) {
      const world = site.world(node);
      await vi.waitFor(async () => expect(await readdir(world.path('run/state'))).toEqual([]), {
        timeout: 120_000,
      });
      expect([
        ...(await readdir(world.path('run/runs'))),
        ...(await readdir(world.path('run/jobs'))),
      ]).toEqual([]);
    }
  });

  it('one of which falls silent with its connection open wait for it until its pings have gone unanswered', async () => {
    await using site = await createSite({ endGraceSeconds: 600 });
    const { broker } = site;
    await site.world('n1').start();
    const silent = await site.world('n2').start();
    const start = startOfRun();
    await site.register({ start });
    await Promise.all(['n1', 'n2'].map((node) => site.hook(node, 'prolog')));
    // As a node without power is to its peers: nothing comes, and nothing says so.
    silent.signal('SIGSTOP');
    await site.endRun(12, start);
    expect(await site.hook('n1', 'epilog')).toBe('OK\n');
    await vi.waitFor(async () => expect(await recordsOf(broker, 'wiped')).toHaveLength(1), {
      timeout: 60_000,
    });
    expect([await sessionStates(broker), broker.backend.aliveCredentials().length]).toEqual([['active'], 1]);
    await vi.waitFor(async () => expect(await sessionStates(broker)).toEqual(['ended']), {
      timeout: 240_000,
    });
    expect(broker.backend.aliveCredentials()).toEqual([]);
    expect(await broker.ledger.listRuns()).toEqual([]);

    // And once it hears again, nothing of the run is there either.
    silent.signal('SIGCONT');
    const runs = site.world('n2').path('run/runs');
    await vi.waitFor(async () => expect(await readdir(runs)).toEqual([]), { timeout: 120_000 });
  });

  it('of a run that outlives its session have the next one before it goes, and always a login that works', async () => {
    await using site = await createSite({ policy: shortSessions });
    const world = site.world('n1');
    await world.start();
    const start = startOfRun();
    await site.register({ start, nodes: ['n1'] });
    expect(await site.hook('n1', 'prolog')).toBe('OK\n');
    const file = (name: string) => readFile(world.path(`run/runs/12-${start}/db/${name}`), 'utf8');
    const users = new Set<string>();
    const missing: string[] = [];
    await vi
      .waitFor(
        async () => {
          const [user, password] = [await file('user'), await file('password')];
          users.add(user);
          const works = site.broker.backend.canLogin(user, password);
          // Whoever meets a change, between the two files or before it logs in, looks again.
          if (!works && (await file('user')) === user) missing.push(user);
          if (world.marker(12)?.includes('state=delivered\n') !== true) missing.push('marker');
          expect((await sessionStates(site.broker)).filter((state) => state === 'ended')).toHaveLength(2);
        },
        { timeout: 240_000, interval: 50 },
      )
      .catch((error: unknown) => {
        throw new Error(`seen: ${users.size}, missing: ${missing.join(' ')}`, { cause: error });
      });
    expect(missing).toEqual([]);
    expect(users.size).toBeGreaterThan(2);
  });

  it('serve no run that is not registered, nor one of another user, nor on another node', async () => {
    // One that is not known yet is asked for until the time is over; that of another user is refused at once.
    await using site = await createSite({}, 'prolog: { seconds: 10 }');
    await Promise.all(['n1', 'n2'].map((node) => site.world(node).start()));
    expect(await site.hook('n1', 'prolog')).toMatch(/^FAIL /);
    expect(await site.hook('n1', 'epilog')).toBe('OK\n');
    await site.register({ nodes: ['n1'] });
    expect(await site.hook('n1', 'prolog', { SLURM_JOB_UID: 20_002 })).toMatch(/^FAIL This node was refused/);
    expect(await site.hook('n2', 'prolog')).toMatch(/^FAIL /);
    expect(await sessionStates(site.broker)).toEqual([]);
    const refusals = await refusalsOf(site.broker);
    for (const [node, code] of [
      ['hpc/n1', 'workload_unknown'],
      ['hpc/n1', 'credential_wrong_workload'],
      ['hpc/n2', 'workload_unknown'],
    ])
      expect(refusals).toContainEqual(expect.objectContaining({ action: 'attach', node, code }));
    for (const node of ['n1', 'n2']) expect(await readdir(site.world(node).path('run/runs'))).toEqual([]);
  });

  it('with another key than their node has are refused at once, and the run is marked, with an alarm', async () => {
    // Nobody would wait for that long.
    await using site = await createSite({}, 'prolog: { seconds: 600 }');
    const world = site.world('n1');
    await site.register({ nodes: ['n1'] });
    await site.broker.ledger.bindNode({
      cluster: 'hpc',
      node: 'n1',
      key: 'another',
      notBefore: Date.now(),
      at: Date.now(),
    });
    const agent = await world.start();
    expect(await site.hook('n1', 'prolog')).toMatch(/^FAIL This node was refused/);
    expect(world.marker(12)).toContain('state=failed\n');
    expect(await readdir(world.path('run/runs'))).toEqual([]);
    expect(await sessionStates(site.broker)).toEqual([]);
    const refusals = await refusalsOf(site.broker);
    const code = 'node_other_key';
    for (const action of ['node_key', 'attach'])
      expect(refusals).toContainEqual(expect.objectContaining({ action, code, node: 'hpc/n1' }));
    expect(await site.hook('n1', 'epilog')).toBe('OK\n');
    expect(world.marker(12)).toBeUndefined();
    expect(agent.output()).toContain(code);
  });

  it('resume after a kill with the same files, end with a run that ended meanwhile, and take up a renewed certificate', async () => {
    await using site = await createSite();
    const world = site.world('n1');
    const first = await world.start();
    const start = startOfRun();
    await site.register({ start, nodes: ['n1'] });
    await site.register({ start, nodes: ['n1'], jobId: 13 });
    expect(await site.hook('n1', 'prolog')).toBe('OK\n');
    expect(await site.hook('n1', 'prolog', { SLURM_JOB_ID: 13 })).toBe('OK\n');
    const before = await login(world, start);
    first.signal('SIGKILL');
    await first.exit;
    // The same node, a newer key: as a site's renewal places it.
    const renewed = site.broker.nodeCertificate('n1', { notBefore: new Date(Date.now() - 1_000) });
    await writeFile(world.path('tls.crt'), renewed.certificate);
    await writeFile(world.path('tls.key'), renewed.key);
    await site.register({ start: start + 1, nodes: ['n1'], jobId: 13, claims: { restarts: 1 } });

    await world.start();
    await vi.waitFor(() => expect(existsSync(world.path(`run/runs/13-${start}`))).toBe(false), {
      timeout: 120_000,
    });
    expect(await login(world, start)).toBe(before);
    expect(await site.hook('n1', 'prolog')).toBe('OK\n');
    expect(world.marker(13)).toBeUndefined();
    expect(await site.hook('n1', 'prolog', { SLURM_JOB_ID: 13, SLURM_JOB_RESTART_COUNT: 1 })).toBe('OK\n');
    expect(world.marker(13)).toContain(`start=${start + 1}\n`);
  });
});
