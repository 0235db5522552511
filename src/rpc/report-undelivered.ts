import type { Audit } from '../audit/audit.ts';
import type { IdentityVerifier, RunIdentity } from '../identity/identity.ts';
import { type SlurmCertificate, slurmNameOf } from '../identity/runs/slurm-name.ts';
import type { RunRegistry } from '../lease/runs/run-registry.ts';
import { isErrorCode, LeaseholdError } from '../platform/error.ts';
import type { ReportUndeliveredRequest__Output } from './gen/leasehold/v1/ReportUndeliveredRequest.ts';
import type { CallContext } from './handler.ts';

export interface ReportUndeliveredOptions {
  readonly registry: RunRegistry;
  readonly audit: Audit;
  readonly trustDomain: string;
  /** As for a node's stream: its certificate and key, and that the run is one of this node's. */
  readonly verifierOf: (certificate: SlurmCertificate | undefined) => IdentityVerifier<RunIdentity>;
}

/** Whatever is refused has a record, within what a node, or a stranger, may fill the log with. */
export async function reportUndelivered(
  options: ReportUndeliveredOptions,
  request: ReportUndeliveredRequest__Output,
  context: CallContext,
): Promise<{ readonly cancels: boolean }> {
  try {
    return { cancels: await options.registry.undelivered(await verified(options, request, context)) };
  } catch (error) {
    const { code } = LeaseholdError.from(error);
    const name = slurmNameOf(context.certificate, options.trustDomain);
    const node = name?.kind === 'node' ? { node: `${name.cluster}/${name.node}` } : {};
    const { peer } = context;
    await options.audit.recordStranger({
      action: 'run_undelivered',
      outcome: 'refused',
      code,
      peer,
      ...node,
    });
    throw error;
  }
}

async function verified(
  { verifierOf }: ReportUndeliveredOptions,
  { reference, restarts, code }: ReportUndeliveredRequest__Output,
  { certificate, signal }: CallContext,
) {
  const { identity, holder, run } = await verifierOf(certificate).verify(reference, {
    purpose: 'new',
    signal,
  });
  if (!isErrorCode(code)) throw refuse('code: one of the documented error codes');
  if (run === undefined) throw new LeaseholdError('workload_unknown');
  const isNamed = namesRun(reference);
  if (!isNamed && restarts === undefined) throw refuse('restarts: required where the run is not named');
  // A word that comes late must not meet the next run of the job.
  if (restarts !== undefined && restarts !== run.restarts)
    throw new LeaseholdError('workload_unknown', { detail: 'another run of this job is registered' });
  return { identity, bundles: run.bundles, node: holder, code };
}

/** Of a reference that the verifier has accepted. */
function namesRun(reference: Uint8Array): boolean {
  const parsed: unknown = JSON.parse(Buffer.from(reference).toString('utf8'));
  return typeof parsed === 'object' && parsed !== null && 'run' in parsed;
}

function refuse(detail: string): LeaseholdError {
  return new LeaseholdError('request_invalid', { detail });
}
