import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../platform/clock.ts';
import { LeaseholdError } from '../platform/error.ts';
import { createAdministrator } from './administrator.ts';
import { childEnvironment } from './child-environment.ts';
import { type DemoArguments, parseDemoArguments } from './demo-arguments.ts';
import { type DemoFiles, writeDemoFiles } from './demo-files.ts';
import type { DemoBackendChoice } from './messages.ts';
import { play } from './play.ts';
import { createPrograms } from './programs.ts';
import type { RealBackend } from './real-backend.ts';
import { createDemoReport, type DemoReport } from './report.ts';
import { brokerProcessArgument, startBroker } from './start-broker.ts';
import { untilInterrupted } from './until-interrupted.ts';

const usage = `Usage: leasehold demo [--backend memory|vault] [--output text|json]

Everything on this machine in under a minute: a broker and a small local issuer, a sidecar and the administrator's commands,
each as a process of its own. With --backend vault: a Vault or OpenBao and a PostgreSQL too, started and ended by the demo.

Examples:
  leasehold demo
  leasehold demo --backend vault
  leasehold demo --output json
`;

const stepTimeoutMs = 20_000;

/** `leasehold demo`. Resolves with the exit status: 0 shown, 1 failed or interrupted, 2 wrong use. */
export async function runDemo(argv: readonly string[]): Promise<number> {
  if (argv[0] === brokerProcessArgument && process.connected) {
    await import('./broker-process.ts');
    return 0;
  }
  const chosen = parseDemoArguments(argv);
  if (chosen === 'help') {
    process.stdout.write(usage);
    return 0;
  }
  if (chosen === undefined) {
    process.stderr.write(usage);
    return 2;
  }
  using interruption = untilInterrupted(process);
  const { signal } = interruption;
  const report = createDemoReport({
    output: chosen.output,
    write: (line) => void process.stdout.write(line),
    monotonic: () => systemClock.monotonic(),
  });
  try {
    await show({ backend: chosen.backend, report, signal });
    report.step('done', 'nothing is left running, and nothing is left on disk', {
      ok: true,
      seconds: report.seconds(),
    });
    return 0;
  } catch (error) {
    const { message, detail } = LeaseholdError.from(error);
    const reason = signal.aborted ? 'interrupted' : (detail ?? message);
    report.step('failed', reason, { ok: false, reason });
    return 1;
  }
}

/** All of it. When this settles, every process has ended and the folder is gone. */
async function show(options: {
  readonly backend: DemoArguments['backend'];
  readonly report: DemoReport;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { report, signal } = options;
  await using stack = new AsyncDisposableStack();
  const files = writeDemoFiles();
  stack.defer(() => rmSync(files.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }));
  const real = options.backend === 'vault' ? stack.use(await startReal(signal)) : undefined;
  if (real !== undefined)
    report.step('backend', `${real.address} makes roles in the PostgreSQL on ${real.database}`, {
      vault: real.address,
      postgres: real.database,
      policies: real.policies,
      tokenRoles: real.tokenRoles,
    });
  const env = childEnvironment(process.env, files.folder);
  const programs = stack.use(createPrograms({ env, signal }));
  const broker = startBroker({
    process: { files, backend: backendChoice(files, real) },
    env,
    timeoutMs: stepTimeoutMs,
  });
  programs.own(broker.child);
  const { workloads, admin } = await broker.ready();
  report.step('broker', `serves workloads on ${workloads}, administrators on ${admin}`, {
    backend: options.backend,
    workloads,
    admin,
  });
  await play({
    files,
    programs,
    broker,
    workloads,
    administrator: createAdministrator({ files, programs, broker: admin, timeoutMs: stepTimeoutMs }),
    report,
    canLogin: (login) => (real ?? broker).canLogin(login),
    accounts: () => real?.accounts() ?? Promise.resolve(undefined),
    stepTimeoutMs,
    signal,
  });
}

/** Loaded when asked for: its driver for PostgreSQL is not among the packages that Leasehold runs on. */
async function startReal(signal: AbortSignal): Promise<RealBackend> {
  const { startRealBackend } = await import('./real-backend.ts').catch((cause: unknown) => {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND';
    if (!isMissing) throw cause;
    throw new LeaseholdError('config_invalid', {
      detail: 'the package pg is not installed; it comes with "npm ci" in a checkout',
      cause,
    });
  });
  return startRealBackend({ env: process.env, signal });
}

function backendChoice(files: DemoFiles, real: RealBackend | undefined): DemoBackendChoice {
  if (real === undefined) return { kind: 'memory' };
  const tokenFile = join(files.folder, 'vault-token');
  writeFileSync(tokenFile, real.token, { mode: 0o600 });
  return { kind: 'vault', address: real.address, tokenFile };
}
