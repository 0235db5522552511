import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { Audit } from '../audit/audit.ts';
import type { IdentityVerifier, Verified } from '../identity/identity.ts';
import type { Attachment, HolderMessage, Sessions } from '../lease/sessions.ts';
import type { Clock } from '../platform/clock.ts';
import { hasCode, LeaseholdError } from '../platform/error.ts';
import type { Log } from '../platform/log.ts';
import { type HolderRequest, parseHoldRequest, toHoldResponse } from './convert.ts';
import type { HoldRequest__Output } from './gen/leasehold/v1/HoldRequest.ts';
import type { HoldResponse } from './gen/leasehold/v1/HoldResponse.ts';
import type { WorkloadServiceHandlers } from './gen/leasehold/v1/WorkloadService.ts';
import { toStatus } from './status.ts';
import { createTurns } from './turns.ts';

export interface WorkloadServiceOptions {
  readonly verifier: IdentityVerifier;
  readonly sessions: Sessions;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: {
    /** Credentials verified at the same time; as many again may wait many times over, see `turns.ts`. */
    readonly maxUnproved: number;
    readonly firstMessageMs: number;
  };
  /** Aborts when the broker goes down: streams end with `shutting_down`. */
  readonly signal: AbortSignal;
}

type HoldCall = ServerDuplexStream<HoldRequest__Output, HoldResponse>;

/** Messages of one holder that wait for the one before; a holder that sends more is not one of ours. */
const longestInbox = 256;
/** How long a holder may leave what was sent to it unread. */
const slowReaderMs = 30_000;
const verifyTimeoutMs = 15_000;

/** The stream of a holder: proof first, then its messages one after the other. */
export function createWorkloadService(options: WorkloadServiceOptions): WorkloadServiceHandlers {
  const turns = createTurns({ concurrency: options.limits.maxUnproved, clock: options.clock });
  return { Hold: (call: HoldCall) => serveHold(options, turns, call) };
}

function serveHold(
  options: WorkloadServiceOptions,
  turns: ReturnType<typeof createTurns>,
  call: HoldCall,
): void {
  const { clock, log } = options;
  const ended = new AbortController();
  const peer = peerAddress(call.getPeer());
  let attachment: Attachment | undefined;
  let inbox = 0;
  let chain: Promise<void> = Promise.resolve();
  let cancelSlow: (() => void) | undefined;

  const finish = (error: LeaseholdError | undefined) => {
    if (ended.signal.aborted) return;
    ended.abort();
    cancelFirst();
    cancelSlow?.();
    options.signal.removeEventListener('abort', onShutdown);
    // Behind whatever is being handled, so that an open in flight finds its attachment still there to be cleaned up.
    void chain.then(() => attachment?.detach());
    if (error === undefined) call.end();
    else call.emit('error', toStatus(error));
  };
  const onShutdown = () => finish(new LeaseholdError('shutting_down'));
  const cancelFirst = clock.after(options.limits.firstMessageMs, () =>
    finish(new LeaseholdError('deadline_exceeded')),
  );

  const write = (response: HoldResponse) => {
    if (ended.signal.aborted) return;
    if (call.write(response) || cancelSlow !== undefined) return;
    // What is sent waits in memory until the holder reads it: one that does not is cut off.
    cancelSlow = clock.after(slowReaderMs, () => finish(new LeaseholdError('deadline_exceeded')));
    call.once('drain', () => {
      cancelSlow?.();
      cancelSlow = undefined;
    });
  };
  const send = (message: HolderMessage) => {
    if (message.kind === 'taken_over') finish(new LeaseholdError('taken_over'));
    else write(toHoldResponse(message));
  };

  const prove = (credential: Uint8Array, purpose: 'new' | 'held'): Promise<Verified> => {
    const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(verifyTimeoutMs)]);
    return turns.run(() => options.verifier.verify(credential, { purpose, signal }), signal);
  };

  const hello = async (request: Extract<HolderRequest, { kind: 'hello' }>): Promise<void> => {
    cancelFirst();
    let verified: Verified;
    let mayOpen = true;
    try {
      try {
        verified = await prove(request.credential, 'new');
      } catch (error) {
        // It may hold a session already: that goes on, and nothing new begins.
        if (!hasCode(error, 'workload_terminating', 'workload_stale')) throw error;
        verified = await prove(request.credential, 'held');
        mayOpen = false;
      }
    } catch (error) {
      const { code } = LeaseholdError.from(error);
      await options.audit.recordStranger({ action: 'attach', outcome: 'refused', code, peer });
      throw error;
    }
    attachment = await options.sessions.attach({ verified, mayOpen, send });
    write({
      welcome: {
        spiffeId: verified.identity.spiffeId,
        workload: verified.identity.workload,
        credentialExpiresAtMs: verified.credentialExpiresAt,
      },
    });
  };

  const handle = async (request: HolderRequest): Promise<void> => {
    if (request.kind === 'hello') {
      if (attachment !== undefined)
        throw new LeaseholdError('request_invalid', { detail: 'hello: only once' });
      await hello(request);
      return;
    }
    if (attachment === undefined)
      throw new LeaseholdError('request_invalid', { detail: 'message: hello comes first' });
    switch (request.kind) {
      case 'open':
        await attachment.open(request, { signal: ended.signal });
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
        await attachment.refresh(await prove(request.credential, 'held'));
        return;
    }
  };

  call.on('data', (raw: HoldRequest__Output) => {
    if (ended.signal.aborted) return;
    inbox += 1;
    if (inbox > longestInbox) {
      finish(new LeaseholdError('overloaded'));
      return;
    }
    chain = chain.then(async () => {
      if (ended.signal.aborted) return;
      try {
        await handle(parseHoldRequest(raw));
      } catch (error) {
        const known = LeaseholdError.from(error);
        if (known.code === 'internal') log.error('a stream failed', { peer }, error);
        else log.info('a stream was refused', { peer, code: known.code, detail: known.detail });
        finish(known);
      } finally {
        inbox -= 1;
      }
    });
  });
  call.on('end', () => finish(undefined));
  call.on('cancelled', () => finish(undefined));
  call.on('error', () => finish(undefined));
  if (options.signal.aborted) onShutdown();
  else options.signal.addEventListener('abort', onShutdown, { once: true });
}

/** Without the port, which would make every refusal of one peer a kind of its own. */
function peerAddress(peer: string): string {
  return peer.replace(/:\d+$/, '');
}
