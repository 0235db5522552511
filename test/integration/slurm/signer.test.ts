import { generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { buildHook } from '../../../scripts/build-hook.ts';
import { runLeasehold, startLeasehold } from '../../support/leasehold-process.ts';
import type { OwnedProcess } from '../../support/parts/owned-process.ts';
import { startSlurm, type SlurmCluster } from '../../support/parts/slurm.ts';
import { describeWith } from '../../support/require.ts';
import { audience, cluster, startSlurmBroker, type SlurmBroker } from '../../support/slurm-broker.ts';
import { startSwitch, type Switch } from '../../support/switch.ts';

describeWith(['slurm'], 'signer with a real Slurm and a real broker', () => {
  const owned = new AsyncDisposableStack();
  let broker: SlurmBroker;
  let way: Switch;
  let slurm: SlurmCluster;
  let signer: OwnedProcess;

  const startSigner = () =>
    startLeasehold({
      name: 'signer',
      folder: slurm.folder,
      args: ['signer', '--config', join(slurm.folder, 'signer.yaml')],
    });
  const signerIsServing = () =>
    slurm.waitFor('the signer serves', async () =>
      (await slurm.read('signer.log')).includes('signer is serving'),
    );
  /** Every run the broker has ever registered for a job, by what its audit says. */
  const records = async (action: string, jobId: number) =>
    (await readFile(broker.auditFile, 'utf8'))
      .split('\n')
      .filter((line) => line.includes(`"${action}"`) && line.includes(`run/${cluster}/${jobId}/`));
  const ofJob = (jobId: number) => broker.ledger.findRunOfJob({ cluster, jobId });
  const loseBroker = async () => {
    // Without any matchers it holds nothing.
    await slurm.waitFor(
      'matchers are kept',
      async () => (await slurm.read('signer-state/matchers.json')) !== '',
    );
    way.close(true);
  };
  /** Task and state of each task of an array. */
  const tasks = async (jobId: number) =>
    (await slurm.command('squeue', '-h', '-r', '-t', 'all', '-j', String(jobId), '-o', '%K %t'))
      .trim()
      .split('\n')
      .sort();
  const isOver = (jobId: number) =>
    slurm.waitFor(
      `job ${jobId} and its run are over`,
      async () => {
        const state = await slurm.state(jobId);
        return (state === undefined || /^(CD|CA|F|TO|NF)$/.test(state)) && (await ofJob(jobId)) === undefined;
      },
      // A hook that scancel kills says nothing; then it is the signer's next report that ends the run.
      150,
    );

  beforeAll(async () => {
    broker = owned.use(await startSlurmBroker());
    way = owned.use(await startSwitch(broker.nodes));
    slurm = owned.use(
      await startSlurm({
        hooks: (folder) => ({
          PrologSlurmctld: `[ ! -e "$T/out/slow" ] || sleep 4
"$T/bin/leasehold-hook" register --socket "$T/signer/hook.sock" 2>>"$T/out/register.err"
echo "$? $SLURM_JOB_ID $SLURM_JOB_RESTART_COUNT" >>"$T/out/register"`,
          EpilogSlurmctld: `"$T/bin/leasehold-hook" end --socket ${folder}/signer/hook.sock 2>>"$T/out/end.err"
echo "$? $SLURM_JOB_ID $SLURM_JOB_RESTART_COUNT" >>"$T/out/end"`,
        }),
      }),
    );
    const at = (name: string) => join(slurm.folder, name);
    const built = buildHook({ folder: at('bin') });
    if (!built.built) throw new Error(built.why);
    for (const name of ['signer', 'signer-state']) await mkdir(at(name), { mode: 0o700 });
    const { privateKey } = generateKeyPairSync('ed25519');
    await writeFile(at('signing.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    const { certificate, key } = broker.signerCertificate();
    await writeFile(at('signer.crt'), certificate);
    await writeFile(at('signer.key'), key, { mode: 0o600 });
    await writeFile(at('ca.crt'), broker.ca.certificate);
    await writeFile(
      at('signer.yaml'),
      `cluster: ${cluster}
audience: ${audience}
broker:
  addresses: ['${way.address}']
  ca: ${at('ca.crt')}
  certificate: ${at('signer.crt')}
  key: ${at('signer.key')}
keys: ['${at('signing.pem')}']
state: ${at('signer-state')}
socket: { path: ${at('signer/hook.sock')} }
slurm: { conf: ${at('slurm.conf')} }
outage: { giveUp: 3s }
reconcile: 2s
`,
    );
    const { status, stdout } = await runLeasehold(['signer', '--config', at('signer.yaml'), '--keys']);
    expect(status).toBe(0);
    await writeFile(join(broker.folder, 'signer.jwks'), stdout);
    signer = await startSigner();
    owned.defer(() => signer.stop());
    await signerIsServing();
  });
  beforeEach(() => way.close(false));
  afterAll(() => owned.disposeAsync());

  it('registers a run before it starts, with the facts that the controller has, and ends it with the job', async () => {
    const id = await slurm.submit('sleep 2', {
      args: ['-N4', '-J', 'x\nUserId=root(0) JobId=1', '--comment=leasehold=nonsense', '-t', '5'],
    });
    await slurm.waitFor('it runs', async () => (await slurm.state(id)) === 'R');
    const run = await ofJob(id);
    expect(run).toMatchObject({
      state: 'active',
      restarts: 0,
      bundles: ['db'],
      identity: { user: 'games', uid: 5, partition: 'gpu', nodes: ['n1', 'n2', 'n3', 'n4'], account: '' },
    });
    await isOver(id);
    expect(await slurm.nodeStates()).toEqual(['IDLE', 'IDLE', 'IDLE', 'IDLE']);
  });

  it('ends the right run of a job that is put back, and registers the next one', async () => {
    const id = await slurm.submit('sleep 20', { args: ['--requeue'] });
    await slurm.waitFor('it runs', async () => (await slurm.state(id)) === 'R');
    const first = await ofJob(id);
    await slurm.command('scontrol', 'requeue', String(id));
    await slurm.waitFor('the second run is registered', async () => {
      const now = await ofJob(id);
      return now?.state === 'active' && now.identity.workload !== first?.identity.workload;
    });
    expect((await ofJob(id))?.restarts).toBe(1);
    await slurm.command('scancel', String(id));
    await isOver(id);
  });

  it('makes a run of each array task and of each component', async () => {
    const array = await slurm.submit('sleep 1', { args: ['--array=0-1'] });
    await slurm.waitFor('both tasks are registered', async () => {
      const runs = await broker.ledger.listRuns({ cluster });
      return runs.filter(({ identity }) => identity.array?.jobId === array).length === 2;
    });
    const het = await slurm.submit('sleep 1', { args: ['-n1', ':', '-n1'] });
    await slurm.waitFor('both components are registered', async () => {
      const runs = await broker.ledger.listRuns({ cluster });
      return new Set(runs.flatMap(({ identity }) => identity.het?.offset ?? [])).size === 2;
    });
    await isOver(array);
    await isOver(het);
  });

  it('registers the same run once when slurmctld is killed in the middle of its hook', async () => {
    await writeFile(join(slurm.folder, 'out/slow'), '');
    const id = await slurm.submit('sleep 2', { args: ['-J', 'mid-hook'] });
    await slurm.waitFor('the hook runs', async () => (await slurm.state(id)) === 'CF');
    // The controller writes its jobs down every few seconds; one that is killed before has forgotten the job.
    await slurm.waitFor('the job is on record', async () =>
      (await slurm.read('state/job_state')).includes('mid-hook'),
    );
    await slurm.restartController();
    await slurm.waitFor('it is registered', async () => (await ofJob(id)) !== undefined);
    await rm(join(slurm.folder, 'out/slow'));
    await isOver(id);
    expect(
      new Set((await records('run_register', id)).map((line) => /run\/hpc\/\d+\/\d+/.exec(line)?.[0])).size,
    ).toBe(1);
  });

  it('ends the right run after it was killed and started again', async () => {
    const id = await slurm.submit('sleep 300');
    await slurm.waitFor('it runs', async () => (await slurm.state(id)) === 'R');
    signer.signal('SIGKILL');
    await signer.stop();
    signer = await startSigner();
    await slurm.command('scancel', String(id));
    await isOver(id);
  });

  it('holds jobs that need secrets while the broker is away, leaves others alone, and releases all', async () => {
    await loseBroker();
    const needy = await Promise.all(Array.from({ length: 10 }, () => slurm.submit('sleep 0')));
    const other = await slurm.submit('sleep 0', { args: ['-p', 'cpu'] });
    const sticky = await slurm.submit('sleep 0', { args: ['--no-requeue'] });
    await slurm.waitFor(
      'all ten are held',
      async () => {
        const text = `\n${await slurm.command('squeue', '-h', '-t', 'PD', '-o', '%A %r')}`;
        return needy.every((id) => text.includes(`\n${id} job requeued in held state`));
      },
      120,
    );
    expect(await slurm.command('squeue', '-h', '-j', String(needy[0]), '-O', 'admin_comment:120')).toMatch(
      /^leasehold: held/,
    );
    await isOver(other);
    await slurm.waitFor(
      'the one that cannot be held has run',
      async () => (await slurm.state(sticky)) === 'CD',
    );
    way.close(false);
    await slurm.waitFor(
      'all ten have run',
      async () => {
        const states = await Promise.all(needy.map((id) => slurm.state(id)));
        return states.every((state) => state === 'CD' || state === undefined);
      },
      120,
    );
    expect(JSON.parse(await slurm.read('signer-state/held.json'))).toEqual([]);
    expect(await slurm.nodeStates()).toEqual(['IDLE', 'IDLE', 'IDLE', 'IDLE']);
    // Nothing the hooks met made them fail.
    expect(
      (await slurm.read('out/register')).split('\n').filter((line) => line !== '' && !line.startsWith('0 ')),
    ).toEqual([]);
  });

  it('holds the one task of an array that starts while the broker is away, and no task that runs', async () => {
    // Three nodes are taken, so that the first task has the fourth and the other one must wait.
    const blocker = await slurm.submit('sleep 300', { args: ['-p', 'cpu', '-N3', '--exclusive'] });
    await slurm.waitFor('three nodes are taken', async () => (await slurm.state(blocker)) === 'R');
    const array = await slurm.submit(`echo "$SLURM_ARRAY_TASK_ID" >>${slurm.folder}/out/array; sleep 20`, {
      args: ['--array=0-1', '-N1', '--exclusive', '--requeue'],
    });
    await slurm.waitFor('the first task runs', async () => (await tasks(array)).includes('0 R'));
    await loseBroker();
    await slurm.command('scancel', String(blocker));
    await slurm.waitFor('the other task is held', async () =>
      (await slurm.command('squeue', '-h', '-r', '-j', String(array), '-o', '%K %r')).includes(
        '1 job requeued in held state',
      ),
    );
    expect(await tasks(array)).toEqual(['0 R', '1 PD']);
    way.close(false);
    await isOver(array);
    expect((await slurm.read('out/array')).split('\n').sort()).toEqual(['', '0', '1']);
  });

  it('holds a heterogeneous job as one, and releases it', async () => {
    await loseBroker();
    const het = await slurm.submit(`echo "$SLURM_JOB_ID" >>${slurm.folder}/out/het`, {
      args: ['-n1', '--requeue', ':', '-n1'],
    });
    await slurm.waitFor('it is held', async () =>
      (await slurm.command('squeue', '-h', '-j', String(het), '-o', '%r')).includes('in held state'),
    );
    way.close(false);
    await slurm.waitFor('it has run', async () => (await slurm.read('out/het')) === `${het}\n`);
    await isOver(het);
    expect(JSON.parse(await slurm.read('signer-state/held.json'))).toEqual([]);
  });

  it('forgets no held job while the controller is away', async () => {
    await loseBroker();
    const id = await slurm.submit('sleep 0', { args: ['--requeue'] });
    await slurm.waitFor('it is held', async () =>
      (await slurm.command('squeue', '-h', '-j', String(id), '-o', '%r')).includes('in held state'),
    );
    // In order: one that is killed may have forgotten that it holds the job.
    await slurm.restartController({
      signal: 'SIGTERM',
      meanwhile: async () => {
        way.close(false);
        const from = (await slurm.read('signer.log')).length;
        await slurm.waitFor('the signer has asked in vain', async () =>
          (await slurm.read('signer.log')).slice(from).includes('a command of the scheduler has failed'),
        );
        expect(JSON.parse(await slurm.read('signer-state/held.json'))).toEqual([String(id)]);
      },
    });
    await slurm.waitFor('it has run', async () => (await slurm.state(id)) === 'CD', 40);
  });

  it('cancels what cannot be held where the site says so, and no other task of its array', async () => {
    const file = join(slurm.folder, 'signer.yaml');
    const before = await readFile(file, 'utf8');
    const restartWith = async (text: string) => {
      await writeFile(file, text);
      signer.signal('SIGTERM');
      await signer.stop();
      signer = await startSigner();
      await slurm.waitFor('it answers', async () => existsSync(join(slurm.folder, 'signer/hook.sock')));
    };
    await restartWith(before.replace('giveUp: 3s', 'giveUp: 3s, unheld: cancel'));
    const blocker = await slurm.submit('sleep 300', { args: ['-p', 'cpu', '-N3', '--exclusive'] });
    await slurm.waitFor('three nodes are taken', async () => (await slurm.state(blocker)) === 'R');
    const array = await slurm.submit('sleep 300', {
      args: ['--array=0-1', '-N1', '--exclusive', '--no-requeue'],
    });
    await slurm.waitFor('the first task runs', async () => (await tasks(array)).includes('0 R'));
    await loseBroker();
    await slurm.command('scancel', String(blocker));
    await slurm.waitFor('the other task is cancelled', async () => (await tasks(array)).includes('1 CA'));
    expect(await tasks(array)).toEqual(['0 R', '1 CA']);
    way.close(false);
    await slurm.command('scancel', String(array));
    await isOver(array);
    await restartWith(before);
  });

  it('leaves no run behind when a job is cancelled in its hook', async () => {
    await writeFile(join(slurm.folder, 'out/slow'), '');
    const id = await slurm.submit('sleep 300');
    await slurm.waitFor('the hook runs', async () => (await slurm.state(id)) === 'CF');
    await slurm.command('scancel', String(id));
    await rm(join(slurm.folder, 'out/slow'));
    await isOver(id);
    expect(await slurm.nodeStates()).toEqual(['IDLE', 'IDLE', 'IDLE', 'IDLE']);
  });
});
