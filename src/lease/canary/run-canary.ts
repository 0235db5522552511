import type { Session } from '../../ledger/ledger.ts';
import { hasCode, LeaseholdError } from '../../platform/error.ts';
import { identityFacts, leaseSetFacts, sessionFacts } from '../audit-facts.ts';
import { endSession } from '../end-session.ts';
import { issue, settleAt } from '../issue.ts';
import type { Parts } from '../parts.ts';
import { holdKey } from '../serial.ts';
import type { CanaryTarget } from './canary.ts';
import { canaryIdentity, nextCanaryId } from './canary-session.ts';
import { recordAnyway } from '../record-anyway.ts';

/** Of its admission slots: canaries wait in a turn of their own. */
const tenant = '(canary)';
/** The holder that nobody is, and the rule that is none of the policy's: no name of either may have parentheses. */
const holder = '(canary)';
const rule = '(canary)';
/** Longer than an issue with all its restarts; what is still there then ends whoever looks. */
const longestMs = 1_800_000;

export interface NewCanary {
  readonly target: CanaryTarget;
  /** The session of the one before. */
  readonly previous: string | undefined;
  /** `broker`, or `admin:<name>`. */
  readonly by: string;
}

/**
 * Issues at a path as for a session, and begins the revocation of what was issued: work items carry that on, here or at another broker, and the
 * ledger says what came of it. Returns its session; undefined when another broker has made this canary, and nothing is done. Throws `ledger_*`, `overloaded`, `cancelled`.
 */
export async function runCanary(parts: Parts, canary: NewCanary): Promise<string | undefined> {
  const { path, bundle } = canary.target;
  const { workload } = canaryIdentity(path);
  // With the hold taken, as for a workload: nobody settles here what is being issued here.
  return parts.serial.run(holdKey({ workload, bundle: bundle.name, node: '' }), () =>
    parts.admission.run(tenant, () => begin(parts, canary), { signal: parts.signal }),
  );
}

async function begin(parts: Parts, canary: NewCanary): Promise<string | undefined> {
  const { bundle, path, source } = canary.target;
  const leaseSet = parts.randomId('set_');
  const session = await record(parts, canary, leaseSet);
  if (session === undefined) return undefined;
  await parts.reach('session.begun', session.id);
  try {
    await parts.audit.record({
      action: 'open',
      outcome: 'ok',
      actor: canary.by,
      ...identityFacts(session.identity),
      bundle: bundle.name,
      rule,
      policyRevision: session.policyRevision,
      paths: [path],
    });
    // Only this path of the bundle: the others have canaries of their own.
    const issued = await issue(parts, { session, bundle: { ...bundle, secrets: [source] }, leaseSet });
    for (const fields of issued.fields.values()) for (const secret of fields.values()) secret.wipe();
    await recordIssue(parts, session, issued.leaseSet);
  } catch (error) {
    await end(parts, session, LeaseholdError.from(error));
    return session.id;
  }
  await end(parts, session, undefined);
  return session.id;
}

/** Undefined when another broker has made this one. */
async function record(
  parts: Parts,
  { target: { bundle, path }, previous }: NewCanary,
  leaseSet: string,
): Promise<Session | undefined> {
  const identity = canaryIdentity(path);
  const at = parts.backend.now();
  const id = nextCanaryId(path, previous, at);
  const deadlineAt = at + longestMs;
  try {
    const { outcome, session } = await parts.ledger.beginSession({
      id,
      workload: identity.workload,
      node: '',
      bundle: bundle.name,
      requestKey: parts.randomId('req_'),
      identity,
      holders: [holder],
      grant: rule,
      policyRevision: parts.policy.revision,
      deadlineAt,
      leaseSet: { id: leaseSet, tokenRole: bundle.tokenRole, settleAt: settleAt(parts, at) },
      generation: undefined,
      attach: holder,
      replica: parts.replica,
      owner: parts.replicas.owner(identity),
      work: [{ kind: 'deadline', subject: id, dueAt: deadlineAt }],
      at,
    });
    return outcome === 'created' ? session : undefined;
  } catch (error) {
    // The id is taken: another broker was faster, and is through already.
    if (hasCode(error, 'ledger_conflict')) return undefined;
    throw error;
  }
}

async function recordIssue(parts: Parts, session: Session, id: string): Promise<void> {
  const leaseSet = await parts.ledger.findLeaseSet(id);
  if (leaseSet === undefined) return;
  // It is about to be revoked, which goes on without its record too.
  await recordAnyway(parts, {
    action: 'issue',
    outcome: 'ok',
    actor: 'broker',
    ...sessionFacts(session),
    ...leaseSetFacts(leaseSet, parts.audit),
  });
}

/** What the ledger cannot take now, the settle item ends. */
async function end(parts: Parts, { id }: Session, failure: LeaseholdError | undefined): Promise<void> {
  try {
    await endSession(parts, {
      session: id,
      ...(failure === undefined ? { reason: 'released' } : { reason: 'issue_failed', note: failure.code }),
      tombstone: false,
    });
  } catch (error) {
    parts.log.error('a canary could not be ended yet', { session: id }, error);
  }
}
