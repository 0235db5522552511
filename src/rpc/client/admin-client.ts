import type { CallOptions, requestCallback } from '@grpc/grpc-js';
import type { Clock } from '../../platform/clock.ts';
import { hasCode, LeaseholdError } from '../../platform/error.ts';
import type { AddLockRequest } from '../gen/leasehold/v1/AddLockRequest.ts';
import type { AddLockResponse__Output as AddLockResponse } from '../gen/leasehold/v1/AddLockResponse.ts';
import type { AdminServiceClient } from '../gen/leasehold/v1/AdminService.ts';
import type { EnrolmentTokenFacts__Output as EnrolmentTokenFacts } from '../gen/leasehold/v1/EnrolmentTokenFacts.ts';
import type { ExplainRequest } from '../gen/leasehold/v1/ExplainRequest.ts';
import type { ExplainResponse__Output as ExplainResponse } from '../gen/leasehold/v1/ExplainResponse.ts';
import type { LiftTombstoneRequest } from '../gen/leasehold/v1/LiftTombstoneRequest.ts';
import type { ListCanariesResponse__Output as Canaries } from '../gen/leasehold/v1/ListCanariesResponse.ts';
import type { ListEnrolmentTokensRequest } from '../gen/leasehold/v1/ListEnrolmentTokensRequest.ts';
import type { ListEnrolmentTokensResponse__Output as TokenPage } from '../gen/leasehold/v1/ListEnrolmentTokensResponse.ts';
import type { ListLocksResponse__Output as Locks } from '../gen/leasehold/v1/ListLocksResponse.ts';
import type { ListSessionsRequest } from '../gen/leasehold/v1/ListSessionsRequest.ts';
import type { ListSessionsResponse__Output as ListPage } from '../gen/leasehold/v1/ListSessionsResponse.ts';
import type { ListTombstonesResponse__Output as Tombstones } from '../gen/leasehold/v1/ListTombstonesResponse.ts';
import type { Lock__Output as Lock } from '../gen/leasehold/v1/Lock.ts';
import type { MakeEnrolmentTokensRequest } from '../gen/leasehold/v1/MakeEnrolmentTokensRequest.ts';
import type { MakeEnrolmentTokensResponse__Output as EnrolmentTokens } from '../gen/leasehold/v1/MakeEnrolmentTokensResponse.ts';
import type { RemoveLockRequest } from '../gen/leasehold/v1/RemoveLockRequest.ts';
import type { RevokeSessionsRequest } from '../gen/leasehold/v1/RevokeSessionsRequest.ts';
import type { RevokeSessionsResponse__Output as RevokeProgress } from '../gen/leasehold/v1/RevokeSessionsResponse.ts';
import type { RunCanaryResponse__Output as RunCanaryResponse } from '../gen/leasehold/v1/RunCanaryResponse.ts';
import type { RotateSessionsRequest } from '../gen/leasehold/v1/RotateSessionsRequest.ts';
import type { RotateSessionsResponse__Output as Rotated } from '../gen/leasehold/v1/RotateSessionsResponse.ts';
import type { Selector } from '../gen/leasehold/v1/Selector.ts';
import type { Session__Output as Session } from '../gen/leasehold/v1/Session.ts';
import type { Tombstone__Output as Tombstone } from '../gen/leasehold/v1/Tombstone.ts';
import type { WithdrawEnrolmentTokensRequest } from '../gen/leasehold/v1/WithdrawEnrolmentTokensRequest.ts';
import type { WithdrawEnrolmentTokensResponse__Output as Withdrawn } from '../gen/leasehold/v1/WithdrawEnrolmentTokensResponse.ts';
import type { WriteOffRequest } from '../gen/leasehold/v1/WriteOffRequest.ts';
import { loadAdminApi } from '../proto.ts';
import { adminCallError, finished } from './admin-call-error.ts';
import { brokerChannel } from './channel.ts';
import type { BrokerEndpoint } from './endpoint.ts';

/**
 * The admin API as promises. Every method takes a signal and has a deadline, and throws only LeaseholdError: the broker's
 * own code, `broker_unavailable` (with why in `detail`) when it could not be reached, `cancelled` when the signal aborted.
 * Reads are tried again on `broker_unavailable`; what changes something never is, because a lost answer does not say that nothing
 * was done.
 */
export interface AdminClient extends AsyncDisposable {
  /** All pages, in order. */
  listSessions(request: ListSessionsRequest, signal: AbortSignal): AsyncIterable<Session>;
  getSession(id: string, signal: AbortSignal): Promise<Session>;
  /** Until the signal aborts or the broker ends the stream. No deadline. */
  watchSessions(selector: Selector | undefined, signal: AbortSignal): AsyncIterable<Session>;
  /** Reports until the broker ends the stream; its deadline is `waitMs` and the time of one call. */
  revokeSessions(request: RevokeSessionsRequest, signal: AbortSignal): AsyncIterable<RevokeProgress>;
  rotateSessions(request: RotateSessionsRequest, signal: AbortSignal): Promise<readonly Session[]>;
  addLock(request: AddLockRequest, signal: AbortSignal): Promise<AddLockResponse>;
  removeLock(request: RemoveLockRequest, signal: AbortSignal): Promise<void>;
  listLocks(signal: AbortSignal): Promise<readonly Lock[]>;
  explain(request: ExplainRequest, signal: AbortSignal): Promise<ExplainResponse>;
  listTombstones(signal: AbortSignal): Promise<readonly Tombstone[]>;
  listCanaries(signal: AbortSignal): Promise<Canaries>;
  runCanary(path: string, signal: AbortSignal): Promise<RunCanaryResponse>;
  liftTombstone(request: LiftTombstoneRequest, signal: AbortSignal): Promise<void>;
  writeOff(request: WriteOffRequest, signal: AbortSignal): Promise<Session>;
  makeEnrolmentTokens(request: MakeEnrolmentTokensRequest, signal: AbortSignal): Promise<EnrolmentTokens>;
  /** All pages, in order. */
  listEnrolmentTokens(
    request: ListEnrolmentTokensRequest,
    signal: AbortSignal,
  ): AsyncIterable<EnrolmentTokenFacts>;
  /** Names of the nodes whose tokens were withdrawn. */
  withdrawEnrolmentTokens(
    request: WithdrawEnrolmentTokensRequest,
    signal: AbortSignal,
  ): Promise<readonly string[]>;
}

export interface AdminClientOptions {
  readonly endpoint: BrokerEndpoint;
  readonly clock: Clock;
  /** Between 0 and 1, for the spread of retries. */
  readonly random: () => number;
  /** Of one call, retries not included. Default 15 s. */
  readonly callTimeoutMs?: number;
}

const readTries = 3;
const firstPauseMs = 200;
const defaultTimeoutMs = 15_000;
const pageSize = 200;
/** Of what is small. */
const largePage = 1_000;

interface OneSession {
  readonly session: Session | null;
}
type Start<Response> = (options: CallOptions, done: requestCallback<Response>) => { cancel(): void };

interface ServerStream<Response> extends AsyncIterable<Response> {
  cancel(): void;
}

/** Throws `config_invalid` when the endpoint cannot be used. Connects with the first call. */
export function createAdminClient(options: AdminClientOptions): AdminClient {
  const timeoutMs = options.callTimeoutMs ?? defaultTimeoutMs;
  const { target, credentials, options: channelOptions } = brokerChannel(options.endpoint);
  const service: AdminServiceClient = new (loadAdminApi().leasehold.v1.AdminService)(target, credentials, {
    ...channelOptions,
    'grpc.initial_reconnect_backoff_ms': firstPauseMs / 2,
  });

  // grpc-js wants a wall clock date here, whatever clock the rest runs on.
  const deadlineIn = (ms: number) => new Date(Date.now() + ms);

  function call<Response>(start: Start<Response>, signal: AbortSignal): Promise<Response> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(new LeaseholdError('cancelled'));
        return;
      }
      const running = start({ deadline: deadlineIn(timeoutMs) }, (error, response) => {
        signal.removeEventListener('abort', cancel);
        if (error !== null) reject(adminCallError(error, signal));
        else if (response === undefined) reject(new LeaseholdError('internal', { detail: 'empty answer' }));
        else resolve(response);
      });
      const cancel = () => running.cancel();
      signal.addEventListener('abort', cancel, { once: true });
    });
  }

  async function read<Response>(start: Start<Response>, signal: AbortSignal): Promise<Response> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await call(start, signal);
      } catch (error) {
        if (attempt >= readTries || !hasCode(error, 'broker_unavailable')) throw error;
        // Between half and all of a doubling pause.
        const pause = firstPauseMs * 2 ** (attempt - 1) * (0.5 + options.random() / 2);
        await options.clock.sleep(pause, signal);
      }
    }
  }

  async function* stream<Response>(
    open: () => ServerStream<Response>,
    signal: AbortSignal,
  ): AsyncGenerator<Response, void, undefined> {
    if (signal.aborted) throw new LeaseholdError('cancelled');
    const running = open();
    const cancel = () => running.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      for await (const message of running) yield message;
    } catch (error) {
      throw adminCallError(error, signal);
    } finally {
      signal.removeEventListener('abort', cancel);
      running.cancel();
    }
  }

  async function* pages<Page extends { readonly nextPageToken: string }>(
    read: (pageToken: string) => Promise<Page>,
  ): AsyncGenerator<Page, void, undefined> {
    let pageToken = '';
    do {
      const page = await read(pageToken);
      yield page;
      // A broker that hands back the token it was given would keep us here for ever.
      if (page.nextPageToken === pageToken) return;
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
  }

  async function* listSessions(request: ListSessionsRequest, signal: AbortSignal) {
    const page = (pageToken: string) => {
      const wanted = { pageSize, ...request, pageToken };
      return read<ListPage>((how, done) => service.listSessions(wanted, how, done), signal);
    };
    for await (const { sessions } of pages(page)) yield* sessions;
  }

  async function* listEnrolmentTokens(request: ListEnrolmentTokensRequest, signal: AbortSignal) {
    const page = (pageToken: string) => {
      const wanted = { pageSize: largePage, ...request, pageToken };
      return read<TokenPage>((how, done) => service.listEnrolmentTokens(wanted, how, done), signal);
    };
    for await (const { tokens } of pages(page)) yield* tokens;
  }

  return {
    listSessions,
    getSession: async (id, signal) => {
      const answer = await read<OneSession>((how, done) => service.getSession({ id }, how, done), signal);
      return finished(answer.session);
    },
    watchSessions: async function* (selector, signal) {
      const request = selector === undefined ? {} : { selector };
      for await (const { session } of stream<OneSession>(() => service.watchSessions(request), signal)) {
        yield finished(session);
      }
    },
    revokeSessions: (request, signal) => {
      const deadline = deadlineIn((request.waitMs ?? 0) + timeoutMs);
      return stream<RevokeProgress>(() => service.revokeSessions(request, { deadline }), signal);
    },
    rotateSessions: async (request, signal) => {
      return (await call<Rotated>((how, done) => service.rotateSessions(request, how, done), signal))
        .sessions;
    },
    addLock: (request, signal) => call((how, done) => service.addLock(request, how, done), signal),
    removeLock: async (request, signal) => {
      await call<unknown>((how, done) => service.removeLock(request, how, done), signal);
    },
    listLocks: async (signal) => {
      return (await read<Locks>((how, done) => service.listLocks({}, how, done), signal)).locks;
    },
    explain: (request, signal) => read((how, done) => service.explain(request, how, done), signal),
    listTombstones: async (signal) => {
      return (await read<Tombstones>((how, done) => service.listTombstones({}, how, done), signal))
        .tombstones;
    },
    listCanaries: (signal) => read((how, done) => service.listCanaries({}, how, done), signal),
    runCanary: (path, signal) => call((how, done) => service.runCanary({ path }, how, done), signal),
    liftTombstone: async (request, signal) => {
      await call<unknown>((how, done) => service.liftTombstone(request, how, done), signal);
    },
    writeOff: async (request, signal) => {
      const answer = await call<OneSession>((how, done) => service.writeOff(request, how, done), signal);
      return finished(answer.session);
    },
    makeEnrolmentTokens: (request, signal) =>
      call((how, done) => service.makeEnrolmentTokens(request, how, done), signal),
    listEnrolmentTokens,
    withdrawEnrolmentTokens: async (request, signal) =>
      (await call<Withdrawn>((how, done) => service.withdrawEnrolmentTokens(request, how, done), signal))
        .nodes,
    [Symbol.asyncDispose]: async () => service.close(),
  };
}
