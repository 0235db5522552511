import type { WorkKind } from '../ledger/ledger.ts';
import { LeaseholdError } from '../platform/error.ts';
import { createSessionAdmin } from './admin.ts';
import { createAttachment } from './attachment.ts';
import { identityFacts } from './audit-facts.ts';
import { deadlineWork } from './deadline.ts';
import { detachedWork, longestMarginMs } from './detached.ts';
import { createBackendIdentity } from './backend-identity.ts';
import { createCanaries, type Canaries } from './canary/canaries.ts';
import { createDetachments } from './detachments.ts';
import { endSession } from './end-session.ts';
import { createLeaseEvents, type LeaseEvents } from './events.ts';
import { createFollow, type Follow } from './follow.ts';
import { createHub, type Attached, type Hub } from './hub.ts';
import { createLocks } from './locks.ts';
import { createOwnedValues } from './owned-values.ts';
import type { LeaseOptions, Parts } from './parts.ts';
import { createPathProbes } from './path-probes.ts';
import { createPathSlots } from './path-slots.ts';
import { createProbeWork, type ProbeWork } from './probe-work.ts';
import { createRedirects } from './redirects.ts';
import { joinReplicas } from './replicas.ts';
import { renewWork } from './renew.ts';
import { endHalfOpen, revokeWork, settleWork } from './revoke.ts';
import { rotateWork } from './rotate-work.ts';
import { createSerial, holdKey } from './serial.ts';
import { createShareBesideIssuing } from './share-beside-issuing.ts';
import type { SessionAdmin, Sessions } from './sessions.ts';
import { createStaticSecrets } from './static-secrets.ts';
import { createStaticRefresh } from './static-refresh.ts';
import {
  createGrantSweep,
  createStreamSweep,
  endWorkload,
  type GrantSweep,
  sweepTombstones,
  sweepWorkloads,
} from './sweep.ts';
import { createTrouble } from './trouble.ts';
import { startWorkLoop, type WorkHandler } from './work-loop.ts';

/** The session engine: what the stream layer and the admin service call, and the work that goes on by itself. */
export interface LeaseEngine {
  readonly sessions: Sessions;
  readonly admin: SessionAdmin;
  readonly hub: Pick<Hub, 'streams' | 'sessions'>;
  readonly events: LeaseEvents;
  readonly canaries: Pick<Canaries, 'known'>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Each with slots of its own: a database that does not answer holds up neither renewals nor what waits for the hold on a session. */
const lanes: readonly (readonly WorkKind[])[] = [
  ['renew', 'deadline'],
  ['settle', 'detached'],
  ['rotate'],
  ['revoke'],
];

/**
 * Takes the ledger over: what earlier lives left is found as due work. Throws when the ledger cannot be read; a backend that is away
 * does not stop the start, since holders keep what they have.
 */
export async function startLeaseEngine(options: LeaseOptions): Promise<LeaseEngine> {
  const hub = createHub();
  const events = createLeaseEvents(options.onEvent);
  let wake = (): void => undefined;
  let gone = (): Promise<void> => Promise.resolve();
  let rejoined = (): Promise<void> => Promise.resolve();
  const serial = createSerial();
  const identity = createBackendIdentity({ ...options, events });
  await identity.check();
  const replicas = await joinReplicas({
    ...options,
    heartbeatMs: options.settings.heartbeatMs,
    onGone: () => gone(),
    onRejoined: () => rejoined(),
    onCutOff: () => {
      options.log.error('the ledger is out of reach for too long: holders are sent to other replicas', {});
      for (const attached of hub.all()) attached.send({ kind: 'sent_away', code: 'ledger_unavailable' });
    },
  });
  const parts: Parts = {
    ...options,
    replicas,
    redirects: createRedirects(),
    hub,
    events,
    identity,
    locks: createLocks(options),
    values: createOwnedValues(),
    statics: createStaticSecrets(options),
    serial,
    issuing: new Set(),
    revoked: new Set(),
    pathSlots: createPathSlots({ ...options, slots: options.settings.workConcurrency }),
    pathProbes: createPathProbes({ ...options, ...options.settings, onOpen: (path) => probes.open(path) }),
    trouble: createTrouble(hub),
    detachments: createDetachments({ ...options, hub, events, serial }),
    wake: () => wake(),
  };

  const probes: ProbeWork = createProbeWork(parts);
  const detachGone = async () => {
    const at = parts.backend.now();
    const dueAt = at + parts.settings.reattachGraceMs;
    await parts.ledger.detachGone({ dueAt, marginMs: longestMarginMs, at });
  };
  try {
    await detachGone();
  } catch (error) {
    await replicas.leave();
    throw error;
  }

  const withHold = async (id: string, task: () => Promise<number | undefined>) => {
    const session = await parts.ledger.findSession(id);
    if (session === undefined) return undefined;
    return parts.serial.run(holdKey(session.workload, session.bundle), task);
  };
  const endFailed = (session: string) =>
    endSession(parts, { session, reason: 'issue_failed', tombstone: false }).then(() => undefined);
  const handlers: Record<WorkKind, WorkHandler> = {
    settle: async (leaseSet) => {
      const found = await parts.ledger.findLeaseSet(leaseSet);
      return found === undefined
        ? undefined
        : withHold(found.session, () => settleWork(parts, leaseSet, endFailed));
    },
    renew: (leaseSet) => renewWork(parts, leaseSet),
    rotate: (session) => withHold(session, () => rotateWork(parts, session)),
    revoke: (leaseSet) =>
      revokeWork(parts, leaseSet, (session) => withHold(session, () => endHalfOpen(parts, session))),
    deadline: (session) => deadlineWork(parts, session),
    detached: (session) => withHold(session, () => detachedWork(parts, session)),
  };
  const share = createShareBesideIssuing({ ...options, slots: options.settings.workConcurrency });
  const loops = lanes.map((kinds) =>
    startWorkLoop({
      ...(kinds.includes('revoke') ? { room: share.room } : {}),
      ledger: parts.ledger,
      owner: parts.replica,
      kinds,
      handlers,
      concurrency: parts.settings.workConcurrency,
      // Nothing is due by a clock that may be wrong: it would end what has hours to go.
      now: () => (parts.identity.hasAnswered() ? parts.backend.now() : 0),
      clock: parts.clock,
      log: parts.log,
    }),
  );
  wake = () => {
    for (const loop of loops) loop.wake();
  };

  const canaries = createCanaries(parts);
  const grants = createGrantSweep(parts);
  const follow = createFollow(parts, () => grants.sweep());
  gone = async () => {
    await detachGone();
    await follow.sweep();
  };
  rejoined = () => follow.sweep();
  const feed = await parts.ledger.subscribe((change) => void follow.change(change));
  const background = startBackground(parts, { grants, follow, probes, canaries });
  let draining = false;

  return {
    admin: createSessionAdmin(parts, canaries),
    hub,
    events,
    canaries,
    sessions: {
      attach: async ({ verified, mayOpen, send }) => {
        if (draining) throw new LeaseholdError('shutting_down');
        // Another replica, which reaches the ledger, can do more for it.
        if (replicas.isCutOff()) throw new LeaseholdError('ledger_unavailable');
        await parts.audit.record({
          action: 'attach',
          outcome: 'ok',
          actor: verified.identity.spiffeId,
          ...identityFacts(verified.identity),
          holder: verified.holder,
          credentialId: verified.credentialId,
        });
        const attached: Attached = {
          verified,
          mayOpen,
          // An open under way may outlast its stream.
          send: (message) => {
            if (attached.open || message.kind === 'taken_over') send(message);
          },
          sessions: new Set(),
          sent: new Map(),
          open: true,
        };
        const before = hub.enter(attached);
        if (before !== undefined) {
          before.attached.send({ kind: 'taken_over' });
          // Not waited for: what the new stream opens meanwhile is not let go, and the rest can take its time.
          void parts.detachments.letGo(before.attached, before.sessions);
        }
        return createAttachment(parts, attached, () => draining);
      },
      drain: async ({ signal }) => {
        draining = true;
        // What is being read at the backend ends by itself; cutting it could leave credentials that nobody knows.
        while (parts.admission.depth().running > 0 && !signal.aborted) {
          try {
            await parts.clock.sleep(50, signal);
          } catch {
            return;
          }
        }
      },
    },
    [Symbol.asyncDispose]: async () => {
      draining = true;
      await feed[Symbol.asyncDispose]();
      await background.stop();
      await Promise.all(loops.map((loop) => loop.stop()));
      await replicas.leave();
    },
  };
}

function startBackground(
  parts: Parts,
  {
    grants,
    follow,
    probes,
    canaries,
  }: {
    readonly grants: GrantSweep;
    readonly follow: Follow;
    readonly probes: ProbeWork;
    readonly canaries: Canaries;
  },
): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();
  const track = (name: string, task: () => Promise<void>) => {
    const promise = task()
      .catch((error: unknown) => parts.log.error('background work failed', { name }, error))
      .finally(() => running.delete(promise));
    running.add(promise);
  };
  const every = async (ms: number, name: string, task: () => Promise<void>) => {
    while (!stopping.signal.aborted) {
      try {
        await parts.clock.sleep(ms * (0.9 + parts.random() * 0.2), stopping.signal);
      } catch {
        return;
      }
      try {
        await task();
      } catch (error) {
        parts.log.error('background work failed', { name }, error);
      }
    }
  };

  const statics = createStaticRefresh(parts, { start: (task) => track('static refresh', task) });

  const sweepStreams = createStreamSweep(parts);
  const unsubscribeStates = parts.states.subscribe((workload, state) => {
    if (state.phase === 'ended') track('workload end', () => endWorkload(parts, workload));
  });
  const unsubscribePolicy = parts.policy.subscribe(() => track('grant sweep', () => grants.sweep()));
  track('workload sweep', () =>
    every(parts.settings.sweepMs, 'workload sweep', async () => {
      sweepStreams();
      await sweepWorkloads(parts);
      await grants.retry();
    }),
  );
  track('first answer of the backend', () =>
    every(parts.settings.retryMinMs, 'first answer of the backend', async () => {
      if (parts.identity.hasAnswered()) return;
      await parts.identity.check();
      parts.wake();
    }),
  );
  track('backend identity', () =>
    every(parts.settings.sweepMs, 'backend identity', () => parts.identity.check()),
  );
  track('probes', () => every(parts.settings.retryMinMs, 'probes', () => probes.tick()));
  track('canaries', () => every(parts.settings.retryMinMs, 'canaries', () => canaries.tick()));
  track('overdue revocations', () => every(60_000, 'overdue revocations', () => probes.report()));
  track('other replicas', () => every(parts.settings.sweepMs, 'other replicas', () => follow.sweep()));
  track('detachments', () =>
    every(parts.settings.retryMinMs, 'detachments', () => parts.detachments.retry()),
  );
  track('static refresh', () => every(1_000, 'static refresh', async () => statics.tick()));
  track('pruning', () =>
    every(3_600_000, 'pruning', async () => {
      const endedBefore = parts.backend.now() - parts.settings.keepEndedMs;
      while ((await parts.ledger.prune({ endedBefore, limit: 500 })) >= 500);
      await sweepTombstones(parts);
    }),
  );

  return {
    stop: async () => {
      unsubscribeStates();
      unsubscribePolicy();
      stopping.abort();
      await Promise.all(running);
    },
  };
}
