import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../platform/clock.ts';
import { LeaseholdError } from '../platform/error.ts';
import { createAdministrator } from './administrator.ts';
import { type Authority, createAuthority } from './authority/certificates.ts';
import { childEnvironment } from './child-environment.ts';
import { type DemoArguments, parseDemoArguments } from './demo-arguments.ts';
import { type DemoFiles, writeDemoFiles } from './demo-files.ts';
import type { DemoBackendChoice } from './messages.ts';
import { play, reportAudit } from './play.ts';
import { demoPolicy, demoPolicyForJobs } from './policy.ts';
import { createPrograms } from './programs.ts';
import type { RealBackend } from './real-backend.ts';
import { createDemoReport, type DemoReport } from './report.ts';
import { brokerProcessArgument, startBroker } from './start-broker.ts';
import { playJob } from './slurm/play.ts';
import { demoNodes, startDemoSite } from './slurm/site.ts';
import { whatIsMissing } from './slurm/what-is-missing.ts';
import { untilInterrupted } from './until-interrupted.ts';

const usage = `Usage: leasehold demo [--slurm] [--backend memory|vault] [--output text|json]

Everything on this machine in under a minute: a broker and a small local issuer, a sidecar and the administrator's commands,
each as a process of its own. With --backend vault: a Vault or OpenBao and a PostgreSQL too, started and ended by the demo.
With --slurm: a job on a Slurm of two nodes in place of a pod, with that Vault and PostgreSQL. Needs root and an installed Slurm.

Examples:
  leasehold demo
  leasehold demo --backend vault
  leasehold demo --slurm
  leasehold demo --output json
`;

const stepTimeoutMs = 20_000;
/** A scheduler takes its time. */
const slurmTimeoutMs = 60_000;

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
    if (chosen.slurm) await showJob({ report, signal });
    else await show({ backend: chosen.backend, report, signal });
    report.step('done', 'nothing is left running, and nothing is left on disk', {
      ok: true,
      seconds: report.seconds(),
    });
    return 0;
  } catch (error) {
    const reason = signal.aborted ? 'interrupted' : whyOf(error);
    report.step('failed', reason, { ok: false, reason });
    return 1;
  }
}

/** What a person needs to see: an error of the machine in its own words, since everything here is the demo's own and gone in a minute. */
function whyOf(error: unknown): string {
  const { message, detail, cause } = LeaseholdError.from(error);
  return detail ?? (cause instanceof Error ? `${message}: ${cause.message}` : message);
}

/** All of it. When this settles, every process has ended and the folder is gone. */
async function show(options: {
  readonly backend: DemoArguments['backend'];
  readonly report: DemoReport;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { report, signal } = options;
  await using stack = new AsyncDisposableStack();
  const files = ownedFiles(stack);
  const real =
    options.backend === 'vault' ? await startReal({ policy: demoPolicy, stack, report, signal }) : undefined;
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

/** The same for a job. */
async function showJob(options: {
  readonly report: DemoReport;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { report, signal } = options;
  const missing = whatIsMissing(process.env);
  if (missing.length > 0) throw new LeaseholdError('config_invalid', { detail: missing.join('; ') });
  await using stack = new AsyncDisposableStack();
  const authority = createAuthority({ commonName: 'Leasehold demo' });
  const files = ownedFiles(stack, authority);
  if (!files.onMemory)
    throw new LeaseholdError('config_invalid', { detail: 'no memory filesystem: /dev/shm is not one' });
  const policy = demoPolicyForJobs;
  const backend = await startReal({ policy, stack, report, signal });
  const programs = stack.use(createPrograms({ env: childEnvironment(process.env, files.folder), signal }));
  const site = await startDemoSite({
    ...{ files, authority, backend, policy, programs, stack, signal },
    timeoutMs: slurmTimeoutMs,
  });
  report.step(
    'site',
    `a Slurm of ${demoNodes.join(' and ')}, an agent on each, a signer, a broker on ${site.nodes}`,
    {
      nodes: demoNodes,
      broker: site.nodes,
      admin: site.admin,
    },
  );
  await playJob({ site, backend, auditFile: files.audit, report, stepTimeoutMs: slurmTimeoutMs, signal });
  const administrator = createAdministrator({
    files,
    programs,
    broker: site.admin,
    timeoutMs: stepTimeoutMs,
  });
  await reportAudit(administrator, report);
}

function ownedFiles(stack: AsyncDisposableStack, authority?: Authority): DemoFiles {
  const files = writeDemoFiles(authority);
  stack.defer(() => rmSync(files.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }));
  return files;
}

/** Loaded when asked for: its driver for PostgreSQL is not among the packages that Leasehold runs on. */
async function startReal(options: {
  readonly policy: string;
  readonly stack: AsyncDisposableStack;
  readonly report: DemoReport;
  readonly signal: AbortSignal;
}): Promise<RealBackend> {
  const { policy, signal } = options;
  const { startRealBackend } = await import('./real-backend.ts').catch((cause: unknown) => {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND';
    if (!isMissing) throw cause;
    throw new LeaseholdError('config_invalid', {
      detail: 'the package pg is not installed; it comes with "npm ci" in a checkout',
      cause,
    });
  });
  const real = options.stack.use(await startRealBackend({ env: process.env, policy, signal }));
  options.report.step('backend', `${real.address} makes roles in the PostgreSQL on ${real.database}`, {
    vault: real.address,
    postgres: real.database,
    policies: real.policies,
    tokenRoles: real.tokenRoles,
  });
  return real;
}

function backendChoice(files: DemoFiles, real: RealBackend | undefined): DemoBackendChoice {
  if (real === undefined) return { kind: 'memory' };
  const tokenFile = join(files.folder, 'vault-token');
  writeFileSync(tokenFile, real.token, { mode: 0o600 });
  return { kind: 'vault', address: real.address, tokenFile };
}
