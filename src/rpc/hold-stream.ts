import type { Audit } from '../audit/audit.ts';
import type { Verified } from '../identity/identity.ts';
import type { Attachment, HolderMessage, OpenRequest, Sessions } from '../lease/sessions.ts';
import type { Clock } from '../platform/clock.ts';
import { hasCode, LeaseholdError } from '../platform/error.ts';
import type { Log } from '../platform/log.ts';
import type { Metrics } from '../platform/metrics.ts';
import { type HolderRequest, parseHoldRequest, toHoldResponse } from './convert.ts';
import type { HoldRequest__Output } from './gen/leasehold/v1/HoldRequest.ts';
import type { HoldResponse } from './gen/leasehold/v1/HoldResponse.ts';
import type { Run as WireRun } from './gen/leasehold/v1/Run.ts';
import type { CallContext, Duplex } from './handler.ts';
import { createMessageRate } from './message-rate.ts';
import type { Proof } from './proof.ts';

export interface HoldParts extends Proof {
  /** `<cluster>/<node>`, where the connection's certificate proves one. */
  readonly node: string | undefined;
  readonly sessions: Sessions;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly limits: { readonly firstMessageMs: number };
}

/** Bundles that one holder may be waiting for at the same time. */
const maxOpening = 64;

/**
 * One holder's stream: first its proof, then its messages in the order they came; only requests for bundles run side by side. Resolves
 * when the holder has ended the stream, rejects with the code that ends it.
 *
 *   silent → proving → attached → over
 *      └────────┴──────────┴──────→ over    (time, refusal, broken rule, peer gone, taken over, going down)
 */
export async function serveHold(
  parts: HoldParts,
  stream: Duplex<HoldRequest__Output, HoldResponse>,
  context: CallContext,
): Promise<void> {
  const { clock, log, metrics } = parts;
  const over = Promise.withResolvers<undefined>();
  const ended = new AbortController();
  const rate = createMessageRate({ clock, signal: ended.signal });
  const opening = new Set<Promise<void>>();
  let handling: Promise<void> = Promise.resolve();
  let attachment: Attachment | undefined;
  let greeted = false;
  let closing = false;

  const stop = (error?: LeaseholdError) => {
    closing = true;
    if (error === undefined) over.resolve(undefined);
    else over.reject(error);
  };
  const write = (response: HoldResponse) => {
    if (!ended.signal.aborted) void stream.send(response);
  };

  const hello = async (credential: Uint8Array): Promise<void> => {
    greeted = true;
    cancelFirst();
    const { verified, mayOpen } = await refusable(() => parts.proveNew(credential, ended.signal));
    // What is sent while attaching waits, so that `welcome` comes first.
    let early: HolderMessage[] | undefined = [];
    const send = (message: HolderMessage) => {
      if (early !== undefined) early.push(message);
      else if (message.kind === 'taken_over') stop(new LeaseholdError('taken_over'));
      else if (message.kind === 'sent_away') stop(new LeaseholdError(message.code));
      else {
        countAnswer(metrics, message);
        write(toHoldResponse(message));
      }
    };
    attachment = await parts.sessions.attach({ verified, mayOpen, send });
    const { identity, credentialExpiresAt } = verified;
    write({
      welcome: {
        spiffeId: identity.spiffeId,
        workload: identity.workload,
        credentialExpiresAtMs: credentialExpiresAt,
        ...runFacts(verified),
      },
    });
    const waiting = early;
    early = undefined;
    for (const message of waiting) send(message);
  };

  /** Recorded before the caller learns of it. */
  const refusable = async <T>(prove: () => Promise<T>): Promise<T> => {
    try {
      return await prove();
    } catch (error) {
      const { code } = LeaseholdError.from(error);
      const node = parts.node === undefined ? {} : { node: parts.node };
      const { peer } = context;
      await parts.audit.recordStranger({ action: 'attach', outcome: 'refused', code, peer, ...node });
      throw error;
    }
  };

  const open = (attached: Attachment, request: OpenRequest): void => {
    if (opening.size >= maxOpening)
      throw new LeaseholdError('request_invalid', { detail: 'open: too many at the same time' });
    const startedAt = clock.monotonic();
    const task = attached
      .open(request, { signal: ended.signal })
      .catch((error: unknown) => fail(error))
      .finally(() => {
        opening.delete(task);
        metrics.observe('openSeconds', (clock.monotonic() - startedAt) / 1000, {});
      });
    opening.add(task);
  };

  const refresh = async (attached: Attachment, credential: Uint8Array): Promise<void> => {
    try {
      await attached.refresh(await parts.proveHeld(credential, ended.signal));
    } catch (error) {
      // Our own trouble says nothing about the holder, which proved itself before: it is asked again in time.
      if (!hasCode(error, 'identity_unavailable', 'overloaded', 'workload_stale')) throw error;
      log.warn('a fresh credential could not be verified now', { peer: context.peer }, error);
    }
  };

  const handle = async (request: HolderRequest): Promise<void> => {
    if (request.kind === 'hello') {
      if (greeted) throw new LeaseholdError('request_invalid', { detail: 'hello: only once' });
      await hello(request.credential);
      return;
    }
    if (attachment === undefined)
      throw new LeaseholdError('request_invalid', { detail: 'message: hello comes first' });
    switch (request.kind) {
      case 'open':
        open(attachment, request);
        return;
      case 'delivered':
        await attachment.delivered(request);
        return;
      case 'wiped':
        await attachment.wiped(request);
        return;
      case 'release':
        await attachment.release(request);
        return;
      case 'credential':
        await refresh(attachment, request.credential);
        return;
    }
  };

  const fail = (error: unknown) => stop(LeaseholdError.from(error));
  const receive = async (raw: HoldRequest__Output): Promise<void> => {
    if (closing) return;
    try {
      await rate.pass();
      if (!greeted && raw.message !== 'hello')
        await refusable(() =>
          Promise.reject(new LeaseholdError('request_invalid', { detail: 'hello comes first' })),
        );
      await handle(parseHoldRequest(raw));
    } catch (error) {
      fail(error);
    }
  };

  const cancelFirst = clock.after(parts.limits.firstMessageMs, () => {
    refusable(() => Promise.reject(new LeaseholdError('deadline_exceeded'))).catch(fail);
  });
  const goDown = () => {
    closing = true;
    // A read under way is awaited, so that what it brings reaches its holder.
    void Promise.all([handling, ...opening]).then(() => stop(new LeaseholdError('shutting_down')));
  };
  const leave = () => stop(new LeaseholdError('cancelled'));
  context.signal.addEventListener('abort', leave, { once: true });
  context.draining.addEventListener('abort', goDown, { once: true });
  context.defer(async () => {
    // An attach under way ends first: it would leave a holder attached that is gone.
    await handling;
    await Promise.all(opening);
    await attachment?.detach();
  });
  if (context.signal.aborted) leave();
  if (context.draining.aborted) goDown();
  const halfClosed = () => {
    // What was asked for before is still answered.
    if (greeted || closing) void Promise.all(opening).then(() => stop());
    // Whoever leaves without a word is a stranger like any other, and must not come and go unrecorded.
    else refusable(() => Promise.reject(new LeaseholdError('credential_missing'))).catch(fail);
  };
  stream.receive((raw) => (handling = receive(raw)), halfClosed);

  let code = 'ok';
  try {
    await over.promise;
  } catch (error) {
    code = LeaseholdError.from(error).code;
    throw error;
  } finally {
    cancelFirst();
    context.draining.removeEventListener('abort', goDown);
    ended.abort();
    metrics.count('streams', { code });
  }
}

function runFacts({ identity, run }: Verified): { readonly run?: WireRun } {
  if (identity.kind === 'pod' || run === undefined) return {};
  const { uid, gid, start } = identity;
  return { run: { bundles: [...run.bundles], uid, gid, start, restarts: run.restarts } };
}

function countAnswer(metrics: Metrics, message: HolderMessage): void {
  if (message.kind === 'opened') metrics.count('opens', { code: 'ok' });
  if (message.kind === 'refused') metrics.count('opens', { code: message.code });
}
