import type { LeaseEngine } from '../lease/engine.ts';
import type { CutOffCode } from '../lease/replicas.ts';
import type { StartedAudit } from './start-audit.ts';

const cutOffWords: Readonly<Record<CutOffCode, string>> = {
  ledger_unavailable: 'cut off from the ledger, which other brokers reach',
  backend_unavailable: 'cut off from the secret backend, which other brokers reach',
  audit_unavailable: 'cut off from its audit log, while other brokers write theirs',
};

/** What load balancers are told by, over HTTP and gRPC alike; undefined where this broker is the one to call. */
export function whyNotServing(parts: {
  readonly engine: Pick<LeaseEngine, 'cutOffFrom'>;
  readonly audit: Pick<StartedAudit, 'nameLost'>;
}): string | undefined {
  if (parts.audit.nameLost.aborted) return 'another broker has taken the name of this replica';
  const code = parts.engine.cutOffFrom();
  return code === undefined ? undefined : cutOffWords[code];
}
