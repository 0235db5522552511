import type { BackendCredential__Output as WireCredential } from '../../rpc/gen/leasehold/v1/BackendCredential.ts';
import type { Holder__Output as WireHolder } from '../../rpc/gen/leasehold/v1/Holder.ts';
import type { RunFacts__Output as WireRun } from '../../rpc/gen/leasehold/v1/RunFacts.ts';
import type { Session__Output as WireSession } from '../../rpc/gen/leasehold/v1/Session.ts';
import { instant } from '../time-text.ts';

/** A session as JSON and YAML print it. Every key is always there; what is not known is null. Documented in docs/cli.md. */
export interface SessionView {
  readonly id: string;
  readonly state: string;
  readonly bundle: string;
  readonly leased: boolean;
  readonly workload: string;
  readonly spiffeId: string;
  readonly cluster: string;
  readonly namespace: string | null;
  readonly serviceAccount: string | null;
  readonly pod: string | null;
  readonly node: string | null;
  readonly run: RunView | null;
  readonly grant: string;
  readonly generation: number;
  readonly createdAt: string | null;
  readonly deadlineAt: string | null;
  readonly endedAt: string | null;
  readonly endReason: string | null;
  readonly holders: readonly HolderView[];
  readonly credentials: readonly CredentialView[];
}

export interface RunView {
  readonly jobId: number;
  readonly startedAt: string | null;
  readonly array: string | null;
  readonly het: string | null;
  readonly user: string;
  readonly account: string | null;
  readonly partition: string;
  readonly qos: string | null;
  readonly nodes: number;
  readonly restarts: number | null;
  readonly sluid: string | null;
}

export interface HolderView {
  readonly name: string;
  readonly attached: boolean;
  readonly generation: number;
  readonly deliveredAt: string | null;
  readonly wipedAt: string | null;
}

export interface CredentialView {
  readonly id: string;
  readonly kind: string;
  readonly path: string;
  readonly hmac: string;
  readonly settlement: string;
  readonly why: string | null;
  readonly since: string | null;
  readonly nextTryAt: string | null;
  readonly attempts: number;
  readonly expiresAt: string | null;
}

export function sessionView(session: WireSession): SessionView {
  return {
    id: session.id,
    state: session.state,
    bundle: session.bundle,
    leased: session.leased,
    workload: session.workload,
    spiffeId: session.spiffeId,
    cluster: session.cluster,
    namespace: orNull(session.namespace),
    serviceAccount: orNull(session.serviceAccount),
    pod: orNull(session.pod),
    node: orNull(session.node),
    run: session.run === null ? null : runView(session.run),
    grant: session.grant,
    generation: session.generation,
    createdAt: instant(session.createdAtMs),
    deadlineAt: instant(session.deadlineMs),
    endedAt: instant(session.endedAtMs),
    endReason: orNull(session.endReason),
    holders: session.holders.map(holderView),
    credentials: session.credentials.map(credentialView),
  };
}

function runView(run: WireRun): RunView {
  return {
    jobId: run.jobId,
    startedAt: instant(run.startMs),
    array: orNull(run.array),
    het: orNull(run.het),
    user: run.user,
    account: orNull(run.account),
    partition: run.partition,
    qos: orNull(run.qos),
    nodes: run.nodes,
    restarts: run.restarts ?? null,
    sluid: orNull(run.sluid),
  };
}

function holderView(holder: WireHolder): HolderView {
  return {
    name: holder.name,
    attached: holder.attached,
    generation: holder.generation,
    deliveredAt: instant(holder.deliveredAtMs),
    wipedAt: instant(holder.wipedAtMs),
  };
}

function credentialView(credential: WireCredential): CredentialView {
  return {
    id: credential.id,
    kind: credential.kind,
    path: credential.path,
    hmac: credential.hmac,
    settlement: credential.settlement,
    why: orNull(credential.why),
    since: instant(credential.sinceMs),
    nextTryAt: instant(credential.nextTryMs),
    attempts: credential.attempts,
    expiresAt: instant(credential.expiresAtMs),
  };
}

function orNull(text: string): string | null {
  return text === '' ? null : text;
}
