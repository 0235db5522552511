import type { sendUnaryData, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import type { Audit } from '../audit/audit.ts';
import type { Identity, IdentityVerifier } from '../identity/identity.ts';
import type { SessionAdmin } from '../lease/sessions.ts';
import type { Session } from '../ledger/ledger.ts';
import { LeaseholdError } from '../platform/error.ts';
import type { Log } from '../platform/log.ts';
import { isEmptySelector, type Selector } from '../policy/selector.ts';
import { type AdminClient, type AdminMethod, findAdminClient, rightOf } from './admin-access.ts';
import {
  isSettled,
  parseReason,
  parseSelectorMessage,
  toLockMessage,
  toSessionMessage,
  toTombstoneMessage,
} from './convert-admin.ts';
import type { AdminServiceHandlers } from './gen/leasehold/v1/AdminService.ts';
import type { DescribedPod__Output } from './gen/leasehold/v1/DescribedPod.ts';
import type { RevokeSessionsRequest__Output } from './gen/leasehold/v1/RevokeSessionsRequest.ts';
import type { RevokeSessionsResponse } from './gen/leasehold/v1/RevokeSessionsResponse.ts';
import { toStatus } from './status.ts';

export interface AdminServiceOptions {
  readonly admin: SessionAdmin;
  readonly verifier: IdentityVerifier;
  readonly clients: readonly AdminClient[];
  readonly trustDomain: string;
  readonly audit: Audit;
  readonly log: Log;
  readonly signal: AbortSignal;
}

type AnyCall = Pick<ServerUnaryCall<unknown, unknown>, 'getAuthContext' | 'getPeer'>;

interface Caller {
  readonly by: string;
}

const callTimeoutMs = 60_000;
const longestWaitMs = 3_600_000;
const defaultPageSize = 200;
const largestPageSize = 1_000;

/** Every method goes through `allow` first: certificate, configured client, right, and a record of each refusal. */
export function createAdminService(options: AdminServiceOptions): AdminServiceHandlers {
  const { admin } = options;

  const allow = async (method: AdminMethod, call: AnyCall): Promise<Caller> => {
    const { sslPeerCertificate } = call.getAuthContext();
    const client = findAdminClient(options.clients, sslPeerCertificate);
    const code =
      client === undefined
        ? ('admin_unauthenticated' as const)
        : client.rights.includes(rightOf[method])
          ? undefined
          : ('admin_forbidden' as const);
    if (client !== undefined && code === undefined) return { by: `admin:${client.name}` };
    await options.audit.recordStranger({
      action: 'admin_refused',
      outcome: 'refused',
      ...(code === undefined ? {} : { code }),
      ...(client === undefined ? {} : { actor: `admin:${client.name}` }),
      peer: call.getPeer().replace(/:\d+$/, ''),
      reason: method,
    });
    throw new LeaseholdError(code ?? 'admin_forbidden');
  };

  const unary =
    <Request, Response>(
      method: AdminMethod,
      serve: (request: Request, caller: Caller, signal: AbortSignal) => Promise<Response>,
    ) =>
    (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>): void => {
      const cancelled = new AbortController();
      call.on('cancelled', () => cancelled.abort());
      const signal = AbortSignal.any([cancelled.signal, options.signal, AbortSignal.timeout(callTimeoutMs)]);
      allow(method, call)
        .then((caller) => serve(call.request, caller, signal))
        .then(
          (response) => callback(null, response),
          (error: unknown) => callback(refusal(method, error)),
        );
    };

  const streaming =
    <Request, Response>(
      method: AdminMethod,
      serve: (
        request: Request,
        caller: Caller,
        write: (response: Response) => void,
        signal: AbortSignal,
      ) => Promise<void>,
    ) =>
    (call: ServerWritableStream<Request, Response>): void => {
      const cancelled = new AbortController();
      call.on('cancelled', () => cancelled.abort());
      const signal = AbortSignal.any([cancelled.signal, options.signal]);
      allow(method, call)
        .then((caller) => serve(call.request, caller, (response) => void call.write(response), signal))
        .then(
          () => call.end(),
          (error: unknown) => call.emit('error', refusal(method, error)),
        );
    };

  const refusal = (method: AdminMethod, error: unknown) => {
    const known = LeaseholdError.from(error);
    if (known.code === 'internal') options.log.error('an administrator call failed', { method }, error);
    return toStatus(known);
  };
  const wire = (session: Session) => toSessionMessage(session, (credential) => admin.hmac(credential));
  const optional = (selector: Selector) => (isEmptySelector(selector) ? undefined : selector);

  return {
    ListSessions: unary('ListSessions', async (request, { by }) => {
      const pageSize = Math.min(request.pageSize === 0 ? defaultPageSize : request.pageSize, largestPageSize);
      const sessions = await admin.list({
        selector: optional(parseSelectorMessage(request.selector)),
        includeEnded: request.includeEnded,
        pageSize,
        after: request.pageToken === '' ? undefined : request.pageToken,
        by,
      });
      return {
        sessions: sessions.map(wire),
        nextPageToken: sessions.length < pageSize ? '' : (sessions.at(-1)?.id ?? ''),
      };
    }),
    GetSession: unary('GetSession', async ({ id }, { by }) => ({
      session: wire(await admin.show({ id, by })),
    })),
    WatchSessions: streaming('WatchSessions', async (request, { by }, write, signal) => {
      const selector = optional(parseSelectorMessage(request.selector));
      for await (const session of admin.watch({ selector, by, signal })) write({ session: wire(session) });
    }),
    RevokeSessions: streaming('RevokeSessions', (request, { by }, write, signal) =>
      revoke(options, request, by, write, signal),
    ),
    RotateSessions: unary('RotateSessions', async (request, { by }) => ({
      sessions: (
        await admin.rotate({
          selector: parseSelectorMessage(request.selector),
          reason: parseReason(request.reason),
          by,
          dryRun: request.dryRun,
        })
      ).map(wire),
    })),
    AddLock: unary('AddLock', async (request, { by }) => {
      const { lock, sessions } = await admin.addLock({
        selector: parseSelectorMessage(request.selector),
        reason: parseReason(request.reason),
        by,
        dryRun: request.dryRun,
      });
      return { lock: toLockMessage(lock), sessions: sessions.map(wire) };
    }),
    RemoveLock: unary('RemoveLock', async ({ id, reason }, { by }) => {
      await admin.removeLock({ id, reason: parseReason(reason), by });
      return {};
    }),
    ListLocks: unary('ListLocks', async (_request, { by }) => ({
      locks: (await admin.listLocks({ by })).map(toLockMessage),
    })),
    Explain: unary('Explain', async (request, { by }, signal) => {
      const identity =
        request.who === 'credential'
          ? (await options.verifier.verify(request.credential ?? Buffer.alloc(0), { purpose: 'new', signal }))
              .identity
          : describedIdentity(options.trustDomain, request.pod ?? null);
      const { decision, refusedBy } = await admin.explain({ identity, bundle: request.bundle, by });
      return {
        allowed: decision.allowed && refusedBy === undefined,
        code: decision.allowed ? (refusedBy ?? '') : decision.code,
        rule: decision.rule ?? '',
        rules: decision.trace.map((trace) => ({ ...trace, failed: trace.failed ?? '' })),
        spiffeId: identity.spiffeId,
      };
    }),
    ListTombstones: unary('ListTombstones', async (_request, { by }) => ({
      tombstones: (await admin.listTombstones({ by })).map(toTombstoneMessage),
    })),
    LiftTombstone: unary('LiftTombstone', async ({ workload, bundle, reason }, { by }) => {
      await admin.liftTombstone({ workload, bundle, reason: parseReason(reason), by });
      return {};
    }),
    WriteOff: unary('WriteOff', async ({ credential, reason }, { by }) => ({
      session: wire(await admin.writeOff({ credential, reason: parseReason(reason), by })),
    })),
  };
}

/** Reports each session as it is now, then again whenever it changes, until all are settled or the wait is over. */
async function revoke(
  { admin }: AdminServiceOptions,
  request: RevokeSessionsRequest__Output,
  by: string,
  write: (response: RevokeSessionsResponse) => void,
  signal: AbortSignal,
): Promise<void> {
  const sessions = await admin.revoke({
    selector: parseSelectorMessage(request.selector),
    reason: parseReason(request.reason),
    by,
    dryRun: request.dryRun,
  });
  const matched = sessions.length;
  const open = new Map(sessions.map((session) => [session.id, session]));
  const report = (session: Session) => {
    if (isSettled(session)) open.delete(session.id);
    write({
      session: toSessionMessage(session, (credential) => admin.hmac(credential)),
      matched,
      settled: matched - open.size,
    });
  };
  const shown = new Map<string, string>();
  const reportChanged = (session: Session) => {
    const state = JSON.stringify([session.state, session.leaseSets, session.holders]);
    if (shown.get(session.id) === state) return;
    shown.set(session.id, state);
    report(session);
  };
  for (const session of sessions) reportChanged(session);
  if (request.dryRun || request.waitMs === 0 || open.size === 0) return;
  const over = AbortSignal.any([signal, AbortSignal.timeout(Math.min(request.waitMs, longestWaitMs))]);
  const first = sessions[0];
  const selector = sessions.length === 1 && first !== undefined ? { session: first.id } : undefined;
  for await (const session of admin.watch({ selector, by, signal: over })) {
    if (!open.has(session.id)) continue;
    reportChanged(session);
    if (open.size === 0) return;
  }
}

function describedIdentity(trustDomain: string, pod: DescribedPod__Output | null): Identity {
  if (pod === null || pod.cluster === '' || pod.namespace === '' || pod.serviceAccount === '')
    throw new LeaseholdError('request_invalid', {
      detail: 'pod: cluster, namespace and service_account are required',
    });
  return {
    kind: 'pod',
    workload: `pod/${pod.cluster}/described`,
    spiffeId: `spiffe://${trustDomain}/k8s/${pod.cluster}/ns/${pod.namespace}/sa/${pod.serviceAccount}/pod/described`,
    cluster: pod.cluster,
    namespace: pod.namespace,
    serviceAccount: pod.serviceAccount,
    serviceAccountUid: 'described',
    pod: pod.pod,
    podUid: 'described',
    node: pod.node,
    labels: { ...pod.labels },
    images:
      pod.imageDigests.length === 0 ? { known: false } : { known: true, digests: [...pod.imageDigests] },
  };
}
