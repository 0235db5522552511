import type { Audit } from '../audit/audit.ts';
import type { IdentityVerifier } from '../identity/identity.ts';
import type { EnrolmentTokens } from '../lease/runs/enrolment-tokens.ts';
import type { SessionAdmin } from '../lease/sessions.ts';
import type { SessionWithHolders } from '../ledger/ledger.ts';
import { LeaseholdError } from '../platform/error.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { type AdminClient, type AdminMethod, findAdminClient, rightOf } from './admin-access.ts';
import { explain } from './admin-explain.ts';
import { revoke } from './admin-revoke.ts';
import {
  parseEnginePath,
  parseId,
  parseNodeName,
  parseOptionalSelector,
  parsePage,
  parseReason,
  parseSelector,
  toCanaryMessage,
  toEnrolmentTokenMessage,
  toLockMessage,
  toSessionMessage,
  toTombstoneMessage,
} from './convert-admin.ts';
import type { CallContext, Handlers, Method } from './handler.ts';
import { loadAdminApi } from './proto.ts';

export interface AdminServiceOptions {
  readonly admin: SessionAdmin;
  /** Undefined where nodes get their certificates elsewhere. */
  readonly enrolment?: EnrolmentTokens;
  readonly verifier: IdentityVerifier;
  readonly clients: readonly AdminClient[];
  readonly trustDomain: string;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly log: Log;
}

/** Who calls, as it stands in audit records. */
interface Caller {
  readonly by: string;
}

/** Every method goes through `allow` first: certificate, configured client, right, and a record of each refusal. */
export function addAdminService(handlers: Handlers, options: AdminServiceOptions): void {
  const { admin } = options;
  const methods = loadAdminApi().leasehold.v1.AdminService.service;
  const allow = createGate(options);

  const unary = <Request, Response>(
    name: AdminMethod,
    method: Method<Request, Response>,
    serve: (request: Request, caller: Caller, context: CallContext) => Promise<Response>,
  ) =>
    handlers.unary(method, async (request, context) => serve(request, await allow(name, context), context));
  const streaming = <Request, Response>(
    name: AdminMethod,
    method: Method<Request, Response>,
    serve: (
      request: Request,
      caller: Caller,
      write: (response: Response) => Promise<void>,
      signal: AbortSignal,
    ) => Promise<void>,
  ) =>
    handlers.serverStream(method, async (request, write, context) => {
      const caller = await allow(name, context);
      const ends = AbortSignal.any([context.signal, context.draining]);
      await serve(request, caller, write, ends);
      if (context.draining.aborted) throw new LeaseholdError('shutting_down');
    });
  const wire = (session: SessionWithHolders) =>
    toSessionMessage(session, (credential) => admin.hmac(credential));

  unary('ListSessions', methods.ListSessions, async (request, { by }) => {
    const { pageSize, after } = parsePage(request);
    const selector = parseOptionalSelector(request.selector);
    const { includeEnded } = request;
    const sessions = await admin.list({ selector, includeEnded, pageSize, after, by });
    const last = sessions.length < pageSize ? undefined : sessions.at(-1);
    return { sessions: sessions.map(wire), nextPageToken: last?.id ?? '' };
  });
  unary('GetSession', methods.GetSession, async ({ id }, { by }) => ({
    session: wire(await admin.show({ id: parseId('id', id), by })),
  }));
  streaming('WatchSessions', methods.WatchSessions, async (request, { by }, write, signal) => {
    const selector = parseOptionalSelector(request.selector);
    for await (const session of admin.watch({ selector, by, signal }))
      await write({ session: wire(session) });
  });
  streaming('RevokeSessions', methods.RevokeSessions, (request, { by }, write, signal) =>
    revoke({ ...options, by, write, signal }, request),
  );
  unary('RotateSessions', methods.RotateSessions, async (request, { by }) => {
    const [selector, reason] = [parseSelector(request.selector), parseReason(request.reason)];
    const sessions = await admin.rotate({ selector, reason, by, dryRun: request.dryRun });
    return { sessions: sessions.map(wire) };
  });
  unary('AddLock', methods.AddLock, async (request, { by }) => {
    const [selector, reason] = [parseSelector(request.selector), parseReason(request.reason)];
    const { lock, sessions } = await admin.addLock({ selector, reason, by, dryRun: request.dryRun });
    return { lock: toLockMessage(lock), sessions: sessions.map(wire) };
  });
  unary('RemoveLock', methods.RemoveLock, async (request, { by }) => {
    await admin.removeLock({ id: parseId('id', request.id), reason: parseReason(request.reason), by });
    return {};
  });
  unary('ListLocks', methods.ListLocks, async (_request, { by }) => ({
    locks: (await admin.listLocks({ by })).map(toLockMessage),
  }));
  unary('Explain', methods.Explain, (request, { by }, { signal }) =>
    explain({ ...options, by, signal }, request),
  );
  unary('ListTombstones', methods.ListTombstones, async (_request, { by }) => ({
    tombstones: (await admin.listTombstones({ by })).map(toTombstoneMessage),
  }));
  unary('LiftTombstone', methods.LiftTombstone, async (request, { by }) => {
    const [workload, bundle] = [parseId('workload', request.workload), parseId('bundle', request.bundle)];
    await admin.liftTombstone({ workload, bundle, reason: parseReason(request.reason), by });
    return {};
  });
  unary('ListCanaries', methods.ListCanaries, async (_request, { by }) => {
    const { isEnabled, canaries } = await admin.listCanaries({ by });
    return { enabled: isEnabled, canaries: canaries.map(toCanaryMessage) };
  });
  unary('RunCanary', methods.RunCanary, async ({ path }, { by }) => {
    const { session = '', status } = await admin.runCanary({ path: parseEnginePath('path', path), by });
    return { session, canary: toCanaryMessage(status) };
  });
  unary('WriteOff', methods.WriteOff, async (request, { by }) => {
    const credential = parseId('credential', request.credential);
    return { session: wire(await admin.writeOff({ credential, reason: parseReason(request.reason), by })) };
  });
  const enrolment = (): EnrolmentTokens => {
    if (options.enrolment === undefined) throw new LeaseholdError('enrolment_off');
    return options.enrolment;
  };
  unary('MakeEnrolmentTokens', methods.MakeEnrolmentTokens, async (request, { by }) => {
    const { tokens, expiresAt } = await enrolment().makeTokens({ ...request, by });
    return {
      tokens: tokens.map(({ node, token }) => ({ node, token: Buffer.from(token.open()) })),
      expiresAtMs: Math.round(expiresAt),
    };
  });
  unary('ListEnrolmentTokens', methods.ListEnrolmentTokens, async (request, { by }) => {
    const { pageSize, after } = parsePage(request);
    const { unused } = request;
    const tokens = await enrolment().listTokens({
      cluster: request.cluster === '' ? undefined : parseId('cluster', request.cluster),
      unused,
      pageSize,
      after: after === undefined ? undefined : parseNodeName('page_token', after),
      by,
    });
    const last = tokens.length < pageSize ? undefined : tokens.at(-1);
    return {
      tokens: tokens.map(toEnrolmentTokenMessage),
      nextPageToken: last === undefined ? '' : `${last.cluster}/${last.node}`,
    };
  });
  unary('WithdrawEnrolmentTokens', methods.WithdrawEnrolmentTokens, async (request, { by }) => {
    const { cluster, node, all } = request;
    if (all === (node !== '')) throw new LeaseholdError('request_invalid', { detail: 'node or all' });
    const reason = parseReason(request.reason);
    const whose = { cluster, node: all ? undefined : node };
    return { nodes: [...(await enrolment().withdrawTokens({ ...whose, reason, by }))] };
  });
}

function createGate({ clients, audit }: AdminServiceOptions) {
  return async (method: AdminMethod, { certificate, peer }: CallContext): Promise<Caller> => {
    const client = findAdminClient(clients, certificate);
    const refusal = { action: 'admin_refused', outcome: 'refused', peer, reason: method } as const;
    if (client === undefined) {
      const code = 'admin_unauthenticated' as const;
      await audit.recordStranger({ ...refusal, code });
      throw new LeaseholdError(code);
    }
    const by = `admin:${client.name}`;
    if (client.rights.includes(rightOf[method])) return { by };
    const code = 'admin_forbidden' as const;
    await audit.record({ ...refusal, code, actor: by });
    throw new LeaseholdError(code);
  };
}
