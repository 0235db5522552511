import type { Audit } from '../audit/audit.ts';
import { type RunAssertion, verifyRunAssertion } from '../identity/runs/run-assertion.ts';
import type { SlurmClusterConfig } from '../identity/runs/slurm-cluster.ts';
import { type SlurmName, slurmNameOf } from '../identity/runs/slurm-name.ts';
import type { KeySet } from '../identity/keys.ts';
import type { RunName } from '../lease/runs/reported-run.ts';
import type { RunRegistry } from '../lease/runs/run-registry.ts';
import { bundleName } from '../platform/bundle-name.ts';
import { LeaseholdError } from '../platform/error.ts';
import { mostRequested } from '../platform/job-wish.ts';
import { sluidPattern } from '../platform/sluid.ts';
import type { RunName__Output } from './gen/leasehold/v1/RunName.ts';
import type { CallContext, Handlers } from './handler.ts';
import { createMatchers, type MatchersOptions } from './matchers.ts';
import { loadRunApi } from './proto.ts';
import { reportUndelivered, type ReportUndeliveredOptions } from './report-undelivered.ts';
import { createTurns, type Turns } from './turns.ts';

/** A batch cluster with the keys of its signer. */
export interface SlurmTrust {
  readonly cluster: SlurmClusterConfig;
  readonly keys: KeySet;
}

export interface RunServiceOptions extends Pick<ReportUndeliveredOptions, 'verifierOf'>, MatchersOptions {
  readonly clusters: readonly SlurmTrust[];
  readonly trustDomain: string;
  readonly registry: RunRegistry;
  readonly audit: Audit;
}

interface Signed extends SlurmTrust {
  /** One at a time: both signers of a pair report, and one that has given up does so again, of the same runs. */
  readonly reports: Turns;
}

/** In one report: the message limit of the listener comes first, and a signer with more sends several. */
const mostReported = 200_000;

/**
 * What signers say. Every call is refused to anybody but the signer of a configured cluster, with a record; which runs need secrets is told to its
 * nodes too, and that a run's files could not be delivered is a node's to say.
 */
export function addRunService(handlers: Handlers, options: RunServiceOptions): void {
  const { registry, audit, trustDomain } = options;
  const methods = loadRunApi().leasehold.v1.RunService.service;
  const matchersOf = createMatchers(options);
  const byName = new Map(
    options.clusters.map((trust): [string, Signed] => [
      trust.cluster.name,
      { ...trust, reports: createTurns({ concurrency: 1, clock: options.clock }) },
    ]),
  );

  const callerOf = async (
    { certificate, peer }: CallContext,
    kinds: readonly SlurmName['kind'][],
  ): Promise<Signed> => {
    const name = slurmNameOf(certificate, trustDomain);
    const trust = name !== undefined && kinds.includes(name.kind) ? byName.get(name.cluster) : undefined;
    if (trust !== undefined) return trust;
    const code = 'credential_unknown_issuer' as const;
    await audit.recordStranger({ action: 'run_register', outcome: 'refused', code, peer });
    throw new LeaseholdError(code, {
      detail: 'the certificate names no signer of a cluster that is configured',
    });
  };
  const signerOf = (context: CallContext) => callerOf(context, ['signer']);

  handlers.unary(methods.RegisterRun, async (request, context) => {
    const trust = await signerOf(context);
    const requested = parseRequested(request.requestedBundles);
    const assertion = await verified(options, trust, request.assertion, context);
    const { prologsAtStart } = request;
    const { run, refused } = await registry.register({ assertion, requested, prologsAtStart });
    return {
      workload: run.identity.workload,
      bundles: [...run.bundles],
      refused: refused.map((one) => ({ ...one })),
    };
  });
  handlers.unary(methods.EndRun, async ({ run, cancelled, sluid }, context) => {
    const { cluster } = await signerOf(context);
    const end = { cluster: cluster.name, run: parseName(run), sluid: parseSluid(sluid), cancelled };
    return { known: await registry.end(end) };
  });
  handlers.unary(methods.ReportUndelivered, (request, context) =>
    reportUndelivered(options, request, context),
  );
  handlers.unary(methods.ReportRuns, async ({ runs, asOfMs, fromJobId, toJobId }, context) => {
    const { cluster, reports } = await signerOf(context);
    const { signal } = context;
    if (runs.length > mostReported || asOfMs <= 0) throw refuse('runs: too many, or as_of_ms is missing');
    const reported = runs.map(({ run, endsAtMs, submitted, restarts, nodes }) => ({
      ...parseName(run),
      endsAt: endsAtMs > 0 ? endsAtMs : undefined,
      submitted: submitted > 0 ? submitted : undefined,
      restarts,
      nodes,
    }));
    const jobs = { from: fromJobId, to: toJobId > 0 ? toJobId : Infinity };
    // A row outside would be a signer that cuts its reports wrongly, and ends what it does not mean.
    if (reported.some(({ jobId }) => jobId < jobs.from || jobId > jobs.to))
      throw refuse('runs: a job is not in the range');
    const report = () =>
      registry.report({ cluster: cluster.name, runs: reported, asOf: asOfMs, jobs, signal });
    const { ended, toCancel } = await reports.run(report, signal);
    return {
      ended,
      toCancel: toCancel.map(({ identity: { jobId, start }, restarts }) => ({
        run: { jobId, start },
        restarts,
      })),
    };
  });
  handlers.unary(methods.GetRunMatchers, async (_request, context) => {
    const { cluster } = await callerOf(context, ['signer', 'node']);
    return matchersOf(cluster.name);
  });
}

/** A refused assertion is on record before its signer learns of it. */
async function verified(
  { audit, clock, trustDomain }: RunServiceOptions,
  { cluster, keys }: SlurmTrust,
  assertion: Uint8Array,
  { signal }: CallContext,
): Promise<RunAssertion> {
  try {
    return await verifyRunAssertion(assertion, { cluster, keys, trustDomain, now: clock.now(), signal });
  } catch (error) {
    const { code } = LeaseholdError.from(error);
    await audit.record({
      action: 'run_register',
      outcome: 'refused',
      code,
      actor: `signer:${cluster.name}`,
    });
    throw error;
  }
}

function parseRequested(bundles: readonly string[]): readonly string[] {
  if (bundles.length > mostRequested || !bundles.every((name) => bundleName.test(name)))
    throw refuse('requested_bundles: at most 32 names of bundles');
  return bundles;
}

function parseName(run: RunName__Output | null): RunName {
  if (run === null || !(run.jobId > 0) || !(run.start > 0))
    throw refuse('run: job_id and start are required');
  return { jobId: run.jobId, start: run.start };
}

function parseSluid(sluid: string): string | undefined {
  if (sluid === '') return undefined;
  if (!sluidPattern.test(sluid)) throw refuse('sluid: 1 to 64 letters and digits');
  return sluid;
}

function refuse(detail: string): LeaseholdError {
  return new LeaseholdError('request_invalid', { detail });
}
