import { fork } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { extname, join } from 'node:path';
import { LeaseholdError } from '../platform/error.ts';
import { systemClock } from '../platform/clock.ts';
import { type DemoFiles, writeDemoFiles, writeSidecarFiles } from './demo-files.ts';
import { createBrokerLine, type BrokerLine } from './broker-line.ts';
import { createPrograms, type Programs } from './programs.ts';
import { createDemoReport, type DemoReport, masked } from './report.ts';

const usage = `Usage: leasehold demo [--output text|json]

Everything on this machine in under a minute: a broker with an in-memory backend and a small local issuer, a sidecar and the
administrator's commands, each as a process of its own.

Example:
  leasehold demo --output json
`;

const stepTimeoutMs = 20_000;

/** `leasehold demo`. Resolves with the exit status. */
export async function runDemo(argv: readonly string[]): Promise<number> {
  if (argv.includes('--help') || argv.includes('-h')) {
    process.stdout.write(usage);
    return 0;
  }
  const json = argv.length === 2 && argv[0] === '--output' && argv[1] === 'json';
  const text = argv.length === 0 || (argv.length === 2 && argv[0] === '--output' && argv[1] === 'text');
  if (!json && !text) {
    process.stderr.write(usage);
    return 2;
  }
  const report = createDemoReport({
    output: json ? 'json' : 'text',
    write: (line) => void process.stdout.write(line),
    monotonic: () => systemClock.monotonic(),
  });
  const files = writeDemoFiles();
  try {
    await using programs = createPrograms(process.env);
    const broker = createBrokerLine(
      fork(
        join(import.meta.dirname, `broker-process${extname(import.meta.filename)}`),
        [JSON.stringify(files)],
        {
          stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
        },
      ),
      stepTimeoutMs,
    );
    programs.own(broker.child);
    await play({ files, programs, broker, report });
    report.step('done', 'nothing is left running, and nothing is left on disk', { ok: true });
    return 0;
  } catch (error) {
    const { message, detail } = LeaseholdError.from(error);
    report.step('failed', detail ?? message, { ok: false });
    return 1;
  } finally {
    rmSync(files.folder, { recursive: true, force: true });
  }
}

interface Stage {
  readonly files: DemoFiles;
  readonly programs: Programs;
  readonly broker: BrokerLine;
  readonly report: DemoReport;
}

async function play(stage: Stage): Promise<void> {
  const { files, programs, broker, report } = stage;
  const { workloads, admin } = await broker.ready();
  report.step('broker', `serves workloads on ${workloads}, administrators on ${admin}`);

  const pod = await broker.addPod('trainer-0', 'trainer');
  const sidecar = writeSidecarFiles(files, {
    name: 'trainer-0',
    token: pod.token,
    broker: workloads,
    bundle: 'training',
  });
  programs.start(['sidecar', '--config', sidecar.config]);
  const folder = join(sidecar.target, 'training');
  const first = await waitForFiles(folder, 1);
  report.step('identity', `pod ml/trainer-0 proved itself with its token: spiffe://…/pod/${pod.uid}`, {
    uid: pod.uid,
  });
  const old = readLogin(folder);
  report.step('files', `${first.join(', ')} are there; password ${masked(old.password)}`, { files: first });
  await expectLogin(broker, old, true);

  await command(stage, admin, ['rotate', '--pod', 'ml/trainer-0', '--reason', 'demo', '--yes']);
  await waitForFiles(folder, 2);
  const fresh = readLogin(folder);
  await waitUntil('the old password still works', async () => !(await broker.canLogin(old)));
  await expectLogin(broker, fresh, true);
  report.step(
    'rotation',
    `new password ${masked(fresh.password)}; the old one went after the new one was in place`,
  );

  const stranger = await broker.addPod('stranger-0', 'stranger');
  const refused = writeSidecarFiles(files, {
    name: 'stranger-0',
    token: stranger.token,
    broker: workloads,
    bundle: 'training',
  });
  const strange = programs.start(['sidecar', '--config', refused.config]);
  await waitUntil('the refusal has no audit record', async () =>
    readFileSync(files.audit, 'utf8').includes('"code":"not_granted"'),
  );
  if (existsSync(join(refused.target, 'training', 'database.env')))
    throw new LeaseholdError('internal', { detail: 'a stranger got files' });
  await programs.end(strange);
  report.step('refused', 'pod ml/stranger-0 has no grant: no files, one audit record');

  const revoked = await command(stage, admin, [
    ...['revoke', '--pod', 'ml/trainer-0', '--reason', 'demo', '--yes', '--wait', '15s', '--output', 'json'],
  ]);
  await expectLogin(broker, fresh, false);
  report.step('revoke', 'revoked and confirmed at the backend: seen, revoked by us, not seen any more', {
    confirmed: revoked.includes('confirmed'),
  });
  await waitUntil('the files are still there', async () => !existsSync(join(folder, 'database.env')));
  report.step('wiped', 'the files are gone');

  await command(stage, admin, ['audit', 'verify', files.audit]);
  report.step('audit', 'the chain of records verifies from the first to the last');
}

async function command({ files, programs }: Stage, admin: string, args: readonly string[]): Promise<string> {
  const connection =
    args[0] === 'audit'
      ? []
      : [
          ...['--broker', admin, '--ca', files.ca, '--cert', files.adminCertificate, '--key', files.adminKey],
          ...['--server-name', 'localhost'],
        ];
  const { status, stdout, stderr } = await programs.run([...args, ...connection], stepTimeoutMs);
  if (status !== 0)
    throw new LeaseholdError('internal', {
      detail: `leasehold ${args[0] ?? ''} ended with ${status}: ${stderr}`,
    });
  return stdout;
}

async function waitUntil(otherwise: string, condition: () => Promise<boolean>): Promise<void> {
  const until = systemClock.monotonic() + stepTimeoutMs;
  while (!(await condition())) {
    if (systemClock.monotonic() > until) throw new LeaseholdError('internal', { detail: otherwise });
    await systemClock.sleep(50, AbortSignal.timeout(stepTimeoutMs));
  }
}

async function waitForFiles(folder: string, generation: number): Promise<readonly string[]> {
  await waitUntil(`generation ${generation} was not delivered`, async () => {
    try {
      return new RegExp(`^${generation}\\b`).test(readFileSync(join(folder, 'generation'), 'utf8'));
    } catch {
      return false;
    }
  });
  return readdirSync(folder).filter((name) => !name.startsWith('.'));
}

interface Login {
  readonly username: string;
  readonly password: string;
}

function readLogin(folder: string): Login {
  const text = readFileSync(join(folder, 'database.env'), 'utf8');
  const value = (name: string) => new RegExp(`^${name}='([^']*)'`, 'im').exec(text)?.[1] ?? '';
  return { username: value('username'), password: value('password') };
}

async function expectLogin(broker: BrokerLine, login: Login, works: boolean): Promise<void> {
  if ((await broker.canLogin(login)) !== works)
    throw new LeaseholdError('internal', {
      detail: works ? 'a delivered password does not work' : 'a revoked password works',
    });
}
