import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { chmod, chown, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { buildHook } from '../../../scripts/build-hook.ts';
import { createTestCa } from '../../support/certificates.ts';
import { freePort } from '../../support/free-port.ts';
import { createTempFolder } from '../../support/temp-folder.ts';
import { startFakeBroker, type FakeStream } from '../../unit/sidecar/fake-broker.ts';
import { generation, opened, runWelcome, sessionA, sessionB } from '../../unit/sidecar/messages.ts';
import { createNodeWorld, patientProlog, slurmd, user, type NodeWorld } from './node-world.ts';

const canary = 'canary-77d0b2';
const login = { user: `${canary}-user`, password: `${canary}-password` };
const folder = 'run/runs/7-1700000000';
const clients = { wantsClients: true };

async function deliver(stream: FakeStream, welcome = runWelcome(), session = sessionA): Promise<string> {
  const { credential } = await stream.next('hello');
  stream.send(welcome);
  await stream.next('open');
  stream.send(opened({ session }));
  stream.send(generation({ session, login }));
  await stream.next('delivered');
  return Buffer.from(credential).toString('utf8');
}

const modeOf = (world: NodeWorld, name: string) => (statSync(world.path(name)).mode & 0o7777).toString(8);

async function filesLeft(world: NodeWorld): Promise<readonly string[]> {
  const left = [];
  for (const name of ['runs', 'jobs', 'state']) left.push(...(await readdir(world.path(`run/${name}`))));
  return left;
}

describe('leasehold node-agent', () => {
  it('answers wrong use, a bad configuration and an unfit certificate with 2, and good ones with 0 under --check', async () => {
    await using broker = await startFakeBroker(clients);
    await using world = await createNodeWorld(broker);
    for (const wrong of [[], ['--config'], ['--config', world.path('none')], [...world.config, '--once']])
      expect(await world.spawn(...wrong).exit).toBe(2);
    expect(await world.spawn(...world.config, '--check').exit).toBe(0);
    const other = broker.authority.issueClient({
      commonName: 'n1',
      uri: 'spiffe://example/slurm/one/signer',
    });
    await writeFile(world.path('tls.crt'), other.certificate);
    await writeFile(world.path('tls.key'), other.key);
    const unfit = world.spawn(...world.config, '--check');
    expect(await unfit.exit).toBe(2);
    expect(unfit.output()).toContain('names no node');
    await writeFile(world.path('node-agent.yaml'), `x: ${canary}\n`);
    const bad = world.spawn(...world.config, '--check');
    expect(await bad.exit).toBe(2);
    expect(bad.output()).toContain('x: there is no such key');
    expect(bad.output()).not.toContain(canary);
  });

  it('holds a run from prolog to epilog, with files of its user, and leaves nothing', async () => {
    await using broker = await startFakeBroker(clients);
    await using world = await createNodeWorld(broker);
    const agent = await world.start();
    expect(modeOf(world, 'agent.sock')).toBe('600');
    const prolog = world.hook('prolog');
    const stream = await broker.nextStream();
    expect(JSON.parse(await deliver(stream))).toEqual({ job: 7, uid: user.uid });
    expect(await prolog).toBe('OK\n');
    expect(await world.hook('prolog')).toBe('OK\n');
    expect(world.marker()).toBe(
      `leasehold=1\nstate=delivered\nrun=run/one/7/1700000000\nuid=${user.uid}\nrestarts=0\nstart=1700000000\ndir=${world.path(folder)}\n`,
    );
    for (const name of ['run', 'run/runs', folder, `${folder}/db`]) expect(modeOf(world, name)).toBe('711');
    expect(modeOf(world, 'run/state')).toBe('700');
    const file = statSync(world.path(`${folder}/db/password.txt`));
    expect([file.uid, file.gid, file.mode & 0o7777]).toEqual([user.uid, user.gid, 0o400]);
    expect(await readFile(world.path(`${folder}/db/password.txt`), 'utf8')).toBe(login.password);

    expect(await world.hook('epilog')).toBe('OK\n');
    expect(await filesLeft(world)).toEqual(['7-1700000000.json']);
    expect((await stream.next('wiped')).sessionId).toBe(sessionA);
    expect((await stream.next('release')).sessionId).toBe(sessionA);
    await stream.over;
    stream.end();
    await vi.waitFor(async () => expect(await filesLeft(world)).toEqual([]));
    expect(await world.hook('epilog')).toBe('OK\n');
    agent.signal('SIGTERM');
    expect(await agent.exit).toBe(0);
    expect(agent.output()).not.toContain(canary);
  });

  it('removes the files of a run that ends while certificate and key are not a pair', async () => {
    await using broker = await startFakeBroker(clients);
    await using world = await createNodeWorld(broker);
    await world.start();
    const prolog = world.hook('prolog');
    await deliver(await broker.nextStream());
    await prolog;
    // Renewed key first, as the documentation asks for, and the certificate not yet.
    const next = broker.authority.issueClient({
      commonName: 'n1',
      uri: 'spiffe://example/slurm/one/node/n1',
    });
    await writeFile(world.path('tls.key'), next.key);
    expect(await world.hook('epilog')).toBe('OK\n');
    expect(existsSync(world.path(folder))).toBe(false);
    expect(world.marker()).toBeUndefined();
  });

  it('says again which run it speaks for when the broker wants to decide anew', async () => {
    await using broker = await startFakeBroker(clients);
    await using world = await createNodeWorld(broker);
    await world.start();
    const prolog = world.hook('prolog');
    const stream = await broker.nextStream();
    await deliver(stream);
    await prolog;
    stream.send({ credentialWanted: { byMs: Date.now() + 60_000 } });
    const { credential } = await stream.next('credential');
    expect(JSON.parse(Buffer.from(credential).toString('utf8'))).toEqual({
      job: 7,
      uid: user.uid,
      run: 'run/one/7/1700000000',
    });
    // The successor of the session brings files of its own, and the marker stands all the while.
    stream.send(opened({ session: sessionB }));
    stream.send(generation({ session: sessionB, login: { ...login, password: 'next' } }));
    expect((await stream.next('wiped')).sessionId).toBe(sessionA);
    expect((await stream.next('delivered')).sessionId).toBe(sessionB);
    expect(await readFile(world.path(`${folder}/db/password.txt`), 'utf8')).toBe('next');
    expect(world.marker()).toContain('state=delivered\n');
  });

  it('marks a run that is granted nothing, and lets its stream go', async () => {
    await using broker = await startFakeBroker(clients);
    await using world = await createNodeWorld(broker);
    await world.start();
    const prolog = world.hook('prolog');
    const stream = await broker.nextStream();
    await stream.next('hello');
    stream.send(runWelcome({ bundles: [] }));
    expect(await prolog).toBe('OK\n');
    await stream.over;
    stream.end();
    expect(world.marker()).toContain('state=nothing\n');
    expect(await world.hook('epilog')).toBe('OK\n');
    await vi.waitFor(async () => expect(await filesLeft(world)).toEqual([]));
  });

  it('fails a run in time when no broker answers, with a sentence for the user', async () => {
    await using broker = await startFakeBroker(clients);
    await using world = await createNodeWorld(
      { ...broker, address: '127.0.0.1:1' },
      'prolog: { seconds: 1 }',
    );
    await world.start();
    expect(await world.hook('prolog')).toMatch(/^FAIL .*could not be fetched in time/);
    expect(world.marker()).toContain('state=failed\n');
    expect(world.marker()).toContain('why=The credentials of this job could not be fetched in time');
    expect(await world.hook('epilog')).toBe('OK\n');
    expect(await filesLeft(world)).toEqual([]);
  });

  it('starts a run without files when no broker answers, where the site says so', async () => {
    await using broker = await startFakeBroker(clients);
    const settings = 'prolog: { seconds: 1, unserved: start }';
    await using world = await createNodeWorld({ ...broker, address: '127.0.0.1:1' }, settings);
    await world.start();
    expect(await world.hook('prolog')).toBe('OK\n');
    expect(world.marker()).toContain('state=nothing\n');
  });

  it('lets in with nothing, while no broker answers, what no grant can be for, and nothing else', async () => {
    const settings = 'prolog: { seconds: 1 }';
    const matcher = { grant: 'gpu', partitions: ['gpu'], users: ['kim', 'z*'] };
    // For another node, and for this one only with arrays, of which a node is not told.
    const elsewhere = { grant: 'elsewhere', nodes: ['gpu*', 'n10'] };
    const arrays = { grant: 'arrays', nodes: ['n*'], users: ['ann'], array: true };
    const broker = await startFakeBroker({ ...clients, matchers: [matcher, elsewhere, arrays] });
    await using world = await createNodeWorld(broker, settings);
    const agent = await world.start();
    await vi.waitFor(() => expect(existsSync(world.path('run/matchers.json'))).toBe(true));
    expect(modeOf(world, 'run/matchers.json')).toBe('600');
    await broker[Symbol.asyncDispose]();
    const job = { SLURM_JOB_USER: 'kim', SLURM_JOB_PARTITION: 'gpu' };
    const prolog = (id: number, more: Readonly<Record<string, string>>) =>
      world.hook('prolog', slurmd({ ...job, ...more, SLURM_JOB_ID: id }));
    // What a node cannot tell may be anything.
    const may = [
      {},
      { SLURM_JOB_USER: 'nobody' },
      { SLURM_JOB_PARTITION: '' },
      { SLURM_JOB_USER: 'ann', SLURM_JOB_PARTITION: 'cpu' },
    ];
    const wishes = [
      { SLURM_JOB_PARTITION: 'cpu', SLURM_JOB_COMMENT: 'leasehold=db' },
      { SLURM_JOB_PARTITION: 'cpu', SPANK_LEASEHOLD: 'db' },
    ];
    const needless = [{ SLURM_JOB_PARTITION: 'cpu' }, { SLURM_JOB_USER: 'ada' }];
    const answers = await Promise.all(
      [...may, ...wishes, ...needless].map((more, at) => prolog(at + 1, more)),
    );
    for (const [at, answer] of answers.entries()) {
      const isNeedless = at >= may.length + wishes.length;
      expect(answer).toMatch(isNeedless ? /^OK\n$/ : /^FAIL .*could not be fetched in time/);
      expect(world.marker(at + 1)).toContain(isNeedless ? 'state=nothing\n' : 'state=failed\n');
    }
    // The next process knows it too, with no broker to ask.
    agent.signal('SIGKILL');
    await agent.exit;
    await world.start();
    expect(await prolog(21, { SLURM_JOB_PARTITION: 'cpu' })).toBe('OK\n');
    expect(await prolog(22, {})).toMatch(/^FAIL /);
    // And goes by nothing that the broker has not signed so.
    const file = world.path('run/matchers.json');
    const { set, ...rest } = JSON.parse(await readFile(file, 'utf8')) as { readonly set: string };
    const altered = Buffer.from(set, 'base64').toString('latin1').replace('gpu', 'cpu');
    await writeFile(
      file,
      JSON.stringify({ ...rest, set: Buffer.from(altered, 'latin1').toString('base64') }),
    );
    expect(await prolog(23, { SLURM_JOB_PARTITION: 'cpu' })).toMatch(/^FAIL /);
    expect(await prolog(24, {})).toMatch(/^FAIL /);
  });

  it('lets those in as soon as no broker can be reached, and waits for one that is only slow', async () => {
    const broker = await startFakeBroker({ ...clients, matchers: [] });
    // Nobody would wait for that long.
    await using world = await createNodeWorld(broker, 'prolog: { seconds: 600 }');
    await world.start();
    await vi.waitFor(() => expect(existsSync(world.path('run/matchers.json'))).toBe(true));
    const asked = world.hook('prolog');
    const stream = await broker.nextStream();
    await stream.next('hello');
    stream.send(runWelcome());
    await stream.next('open');
    expect(world.marker()).toBeUndefined();
    await broker[Symbol.asyncDispose]();
    expect(await world.hook('prolog', slurmd({ SLURM_JOB_ID: 8 }))).toBe('OK\n');
    expect(world.marker(8)).toContain('state=nothing\n');
    // The broker has named this one: it needs something, whatever was known before.
    expect(world.marker()).toBeUndefined();
    expect(await world.hook('epilog')).toBe('OK\n');
    expect(await asked).toMatch(/^FAIL /);
  });

  it.each([
    ['uid', { uid: 1 }],
    ['gid', { gid: 1 }],
    ['job', { job: 8 }],
    ['restart count', { restarts: 1 }],
  ])('refuses a run whose %s the prolog saw otherwise', async (_fact, other) => {
    await using broker = await startFakeBroker(clients);
    await using world = await createNodeWorld(broker);
    await world.start();
    const prolog = world.hook('prolog');
    const stream = await broker.nextStream();
    await stream.next('hello');
    stream.send(runWelcome(other));
    expect(await prolog).toMatch(/^FAIL /);
    await stream.over;
    stream.end();
    expect(world.marker()).toContain('state=failed\n');
    expect(await readdir(world.path('run/runs'))).toEqual([]);
  });

  it.each([
    ['earlier than the registered one', 1_699_999_999, 0],
    ['later, of a run that was put back', 1_700_000_500, 1],
  ])('refuses a run whose start the prolog saw %s', async (_how, start, restarts) => {
    await using broker = await startFakeBroker(clients);
    await using world = await createNodeWorld(broker);
    await world.start();
    const seen = { SLURM_JOB_START_TIME: start, SLURM_JOB_RESTART_COUNT: restarts };
    const prolog = world.hook('prolog', slurmd(seen));
    const stream = await broker.nextStream();
    await stream.next('hello');
    stream.send(runWelcome());
    expect(await prolog).toMatch(/^FAIL /);
    expect(world.marker()).toContain('state=failed\n');
  });

  it('takes the later start of a run whose nodes had to boot, also after its own restart', async () => {
    await using broker = await startFakeBroker(clients);
    await using world = await createNodeWorld(broker);
    const agent = await world.start();
    const booted = slurmd({ SLURM_JOB_START_TIME: 1_700_000_500 });
    const prolog = world.hook('prolog', booted);
    const stream = await broker.nextStream();
    await stream.next('hello');
    stream.send(runWelcome());
    await stream.next('open');
    stream.send(opened({ session: sessionA }));
    stream.send(generation({ session: sessionA, login }));
    await stream.next('delivered');
    expect(await prolog).toBe('OK\n');
    // The start that the tasks can see, and the folder of the name that the broker knows.
    const marker = world.marker();
    expect(marker).toContain('start=1700000500\n');
    expect(marker).toContain('dir=' + world.path('run/runs/7-1700000000'));
    agent.signal('SIGKILL');
    await agent.exit;
    await world.start();
    expect(await world.hook('prolog', booted)).toBe('OK\n');
    expect(world.marker()).toBe(marker);
  });

  it('gives back what came, when another bundle of the run is refused', async () => {
    await using broker = await startFakeBroker(clients);
    await using world = await createNodeWorld(broker);
    await world.start();
    const prolog = world.hook('prolog');
    const stream = await broker.nextStream();
    await stream.next('hello');
    stream.send(runWelcome({ bundles: ['db', 'api'] }));
    await stream.next('open');
    await stream.next('open');
    stream.send(opened({}));
    stream.send(generation({ login }));
    await stream.next('delivered');
    stream.send({ refused: { bundle: 'api', code: 'not_granted', message: '', retryAfterMs: 0 } });
    expect(await prolog).toMatch(/^FAIL The site's policy/);
    expect((await stream.next('wiped')).sessionId).toBe(sessionA);
    expect((await stream.next('release')).sessionId).toBe(sessionA);
    await stream.over;
    stream.end();
    await vi.waitFor(async () => expect(await readdir(world.path('run/runs'))).toEqual([]));
  });

  it('wipes what the broker revokes and marks the run, and ends a run that the broker ends', async () => {
    await using broker = await startFakeBroker(clients);
    await using world = await createNodeWorld(broker);
    await world.start();
    const prolog = world.hook('prolog');
    const stream = await broker.nextStream();
    await deliver(stream);
    await prolog;
    stream.send({
      revoked: { sessionId: sessionA, reason: 'REVOKE_REASON_ADMIN', mayReopen: false },
    });
    expect((await stream.next('wiped')).sessionId).toBe(sessionA);
    await vi.waitFor(() => expect(world.marker()).toContain('state=failed\n'));
    expect(await readdir(world.path(`${folder}/db`))).toEqual([]);
    stream.refuse('workload_ended');
    await vi.waitFor(async () => expect(await filesLeft(world)).toEqual([]));
  });

  it('that is killed leaves the files; the next one takes the runs up, by run, session and generation', async () => {
    await using broker = await startFakeBroker(clients);
    await using world = await createNodeWorld(broker);
    const first = await world.start();
    const prolog = world.hook('prolog');
    await deliver(await broker.nextStream());
    await prolog;
    const before = statSync(world.path(`${folder}/db/password.txt`));
    first.signal('SIGKILL');
    await first.exit;
    await writeFile(world.path('run/jobs/99'), 'leasehold=1\nstate=delivered\n');

    await world.start();
    const stream = await broker.nextStream();
    const { credential } = await stream.next('hello');
    expect(JSON.parse(Buffer.from(credential).toString('utf8'))).toEqual({
      job: 7,
      uid: user.uid,
      run: 'run/one/7/1700000000',
    });
    stream.send(runWelcome());
    expect(await stream.next('open')).toMatchObject({
      sessionId: sessionA,
      generationId: 'gen_aaaaaaaaaaaaaaaaaaaaaaaaaa',
    });
    stream.send(opened({ resumed: true }));
    await stream.next('delivered');
    expect(statSync(world.path(`${folder}/db/password.txt`)).ino).toBe(before.ino);
    expect(world.marker()).toContain('state=delivered\n');
    expect(world.marker(99)).toBeUndefined();
    expect(await world.hook('prolog')).toBe('OK\n');
  });

  it('brings no file back to a run that ended while the broker was away, and tells it when it is back', async () => {
    const authority = createTestCa();
    const port = await freePort();
    const broker = await startFakeBroker({ ...clients, authority, port });
    await using world = await createNodeWorld(broker);
    await world.start();
    const prolog = world.hook('prolog');
    await deliver(await broker.nextStream());
    await prolog;
    await broker[Symbol.asyncDispose]();
    expect(await world.hook('epilog')).toBe('OK\n');
    await using again = await startFakeBroker({ ...clients, authority, port });
    const stream = await again.nextStream();
    await stream.next('hello');
    stream.send(runWelcome());
    expect((await stream.next('wiped')).sessionId).toBe(sessionA);
    expect((await stream.next('release')).sessionId).toBe(sessionA);
    const asked = stream.next('open').then(() => 'asked again');
    expect(await Promise.race([asked, stream.over.then(() => 'over')])).toBe('over');
    stream.end();
    await vi.waitFor(async () => expect(await filesLeft(world)).toEqual([]));
  });

  it('wipes at once when the broker is away, and tells it later, after a kill too', async () => {
    const authority = createTestCa();
    const port = await freePort();
    const broker = await startFakeBroker({ ...clients, authority, port });
    await using world = await createNodeWorld(broker);
    const first = await world.start();
    const prolog = world.hook('prolog');
    await deliver(await broker.nextStream());
    await prolog;
    await broker[Symbol.asyncDispose]();
    expect(await world.hook('epilog')).toBe('OK\n');
    expect(await filesLeft(world)).toEqual(['7-1700000000.json']);
    first.signal('SIGKILL');
    await first.exit;

    await world.start();
    await using again = await startFakeBroker({ ...clients, authority, port });
    const stream = await again.nextStream();
    await stream.next('hello');
    stream.send(runWelcome());
    expect((await stream.next('wiped')).sessionId).toBe(sessionA);
    expect((await stream.next('release')).sessionId).toBe(sessionA);
    await stream.over;
    stream.end();
    await vi.waitFor(async () => expect(await filesLeft(world)).toEqual([]));
  });

  it('keeps two jobs of one user, and two users, apart on one connection', async () => {
    await using broker = await startFakeBroker(clients);
    await using world = await createNodeWorld(broker);
    await world.start();
    const jobs = [
      { job: 7, uid: 12_345, gid: 100, session: sessionA },
      { job: 8, uid: 12_345, gid: 100, session: sessionB },
      { job: 9, uid: 12_399, gid: 100, session: 'ses_cccccccccccccccccccccccccc' },
    ];
    for (const { job, uid, gid, session } of jobs) {
      const prolog = world.hook(
        'prolog',
        slurmd({ SLURM_JOB_ID: job, SLURM_JOB_UID: uid, SLURM_JOB_GID: gid }),
      );
      await deliver(await broker.nextStream(), runWelcome({ job, uid, gid }), session);
      expect(await prolog).toBe('OK\n');
    }
    expect(await world.hook('epilog', slurmd({ SLURM_JOB_RESTART_COUNT: 1 }))).toBe('OK\n');
    expect(existsSync(world.path(folder))).toBe(false);
    for (const { job, uid } of jobs.slice(1)) {
      expect(statSync(world.path(`run/runs/${job}-1700000000/db/user.txt`)).uid).toBe(uid);
      expect(world.marker(job)).toContain('state=delivered\n');
    }
  });

  it('ends the run before when a prolog of the next one comes, and an epilog in the middle of a prolog', async () => {
    await using broker = await startFakeBroker(clients);
    await using world = await createNodeWorld(broker);
    await world.start();
    const prolog = world.hook('prolog');
    await deliver(await broker.nextStream());
    await prolog;
    const next = world.hook('prolog', slurmd({ SLURM_JOB_RESTART_COUNT: 1 }));
    const stream = await broker.nextStream();
    await stream.next('hello');
    expect(existsSync(world.path(folder))).toBe(false);
    expect(world.marker()).toBeUndefined();
    expect(await world.hook('epilog')).toBe('OK\n');
    expect(await next).toMatch(/^FAIL /);
    expect(world.marker()).toBeUndefined();
  });

  it('refuses hooks of another node, unknown verbs and bytes that are no request, and goes on', async () => {
    await using broker = await startFakeBroker(clients);
    await using world = await createNodeWorld(broker);
    await world.start();
    expect(await world.hook('prolog', slurmd({ SLURMD_NODENAME: 'n2' }))).toMatch(/^FAIL /);
    expect(await world.hook('prolog', slurmd({ SLURM_JOB_ID: '../7' }))).toMatch(/^FAIL /);
    expect(await world.hook('register')).toMatch(/^FAIL /);
    expect(await world.raw(Buffer.from('GET / HTTP/1.1\r\n\r\n'))).toMatch(/^FAIL /);
    expect(await world.raw(Buffer.alloc(100_000, 0x41))).toMatch(/^FAIL |^$/);
    expect(await world.hook('epilog')).toBe('OK\n');
  });

  it.each([
    ['anybody can read', 0o755, 0],
    ['others can write', 0o733, 0],
    ['is a user’s', 0o711, user.uid],
  ])('runs no program as a user that %s, and says so', async (_, mode, uid) => {
    await using broker = await startFakeBroker(clients);
    await using bin = await createTempFolder({ name: 'notifier' });
    const notifier = join(bin.path, 'notifier');
    await writeFile(notifier, `#!/bin/sh\necho x >${bin.path}/ran\n`);
    await chown(notifier, uid, 0);
    await chmod(notifier, mode);
    await using world = await createNodeWorld(broker, `${patientProlog}\nnotifier: ${notifier}`);
    const agent = await world.start();
    const logs = (words: string) => vi.waitFor(() => expect(agent.output()).toContain(words));
    await logs('must be a file of root, with mode 0711');
    const prolog = world.hook('prolog');
    const stream = await broker.nextStream();
    await deliver(stream);
    await prolog;
    stream.send(
      generation({ session: sessionA, login: { ...login, password: 'next' }, id: 'gen_2', number: 2 }),
    );
    await stream.next('delivered');
    expect(existsSync(join(bin.path, 'ran'))).toBe(false);
  });

  it('tells the programs of a run that asked for it of a rotation, and lets nobody else hold it up', async () => {
    await using broker = await startFakeBroker(clients);
    await using bin = await createTempFolder({ name: 'notifier' });
    await chmod(bin.path, 0o711);
    const built = buildHook({ folder: bin.path });
    if (!built.built) throw new Error(built.why);
    await using world = await createNodeWorld(
      broker,
      `${patientProlog}\nnotifier: ${bin.path}/leasehold-notify`,
    );
    const agent = await world.start();
    // What it says may come later than what it sends.
    const logs = (words: string) => vi.waitFor(() => expect(agent.output()).toContain(words));
    const prolog = world.hook('prolog');
    const stream = await broker.nextStream();
    await deliver(stream);
    await prolog;
    await using program = await startProgram({
      LEASEHOLD_DIR: world.path(folder),
      LEASEHOLD_SIGNAL: 'USR1',
      FILE: world.path(`${folder}/db/password.txt`),
    });
    const rotate = async (password: string, id: string, number: number) => {
      stream.send(generation({ session: sessionA, login: { ...login, password }, id, number }));
      await stream.next('delivered');
    };
    await rotate('second', 'gen_2', 2);
    // The new file is there by the time that it is told.
    await program.said('ready\nsecond\n');
    await logs('"told":1');

    await rm(join(bin.path, 'leasehold-notify'));
    await rotate('third', 'gen_3', 3);
    await logs('the program could not be told of the change');
    await program.said('ready\nsecond\n');
    expect(await readFile(world.path(`${folder}/db/password.txt`), 'utf8')).toBe('third');
    expect(world.marker()).toContain('state=delivered\n');
  });
});

/** A program of the job's user that says what is in FILE whenever it is told. */
async function startProgram(env: Readonly<Record<string, string>>) {
  // Waits without a child: between fork and exec that would be a second process with the trap.
  const script = `trap 'cat "$FILE"; echo' USR1; echo ready; while :; do read -r line; done`;
  const child = spawn('/bin/sh', ['-c', script], {
    cwd: '/',
    env: { PATH: '/usr/bin:/bin', ...env },
    ...user,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const said = (text: string) => vi.waitFor(() => expect(output).toBe(text));
  await said('ready\n');
  return {
    said,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
