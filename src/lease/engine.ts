import type { WorkKind } from '../ledger/ledger.ts';
import { LeaseholdError } from '../platform/error.ts';
import { createSessionAdmin } from './admin.ts';
import { createAttachment } from './attachment.ts';
import { createAuditAnswers } from './audit-answers.ts';
import { identityFacts } from './audit-facts.ts';
import { deadlineWork } from './deadline.ts';
import { detachedWork } from './detached.ts';
import { startBackground } from './background.ts';
import { createBackendIdentity } from './backend-identity.ts';
import { createCanaries, type Canaries } from './canary/canaries.ts';
import { createDetachments } from './detachments.ts';
import { createEndRecords } from './end-records.ts';
import { endSession } from './end-session.ts';
import { createLeaseEvents, type LeaseEvents } from './events.ts';
import { createFollow } from './follow.ts';
import { createGoneHolders } from './gone-holders.ts';
import { createHub, type Attached, type Hub } from './hub.ts';
import { createLocks } from './locks.ts';
import { createOwnedValues } from './owned-values.ts';
import type { LeaseOptions, Parts } from './parts.ts';
import { createPathProbes } from './path-probes.ts';
import { createPathSlots } from './path-slots.ts';
import { createProbeWork, type ProbeWork } from './probe-work.ts';
import { createRedirects } from './redirects.ts';
import { type CutOffCode, joinReplicas } from './replicas.ts';
import { renewWork } from './renew.ts';
import { endHalfOpen, revokeWork, settleWork } from './revoke.ts';
import { rotateWork } from './rotate-work.ts';
import { createSerial, holdKey } from './serial.ts';
import { createShareBesideIssuing } from './share-beside-issuing.ts';
import type { SessionAdmin, Sessions } from './sessions.ts';
import { createStaticSecrets } from './static-secrets.ts';
import { createGrantSweep } from './sweep.ts';
import { createTrouble } from './trouble.ts';
import { startWorkLoop, type WorkHandler } from './work-loop.ts';

/** The session engine: what the stream layer and the admin service call, and the work that goes on by itself. */
export interface LeaseEngine {
  readonly sessions: Sessions;
  readonly admin: SessionAdmin;
  readonly hub: Pick<Hub, 'streams' | 'sessions'>;
  readonly events: LeaseEvents;
  readonly canaries: Pick<Canaries, 'known'>;
  /** What this replica does not reach while others do; undefined where it serves. */
  cutOffFrom(): CutOffCode | undefined;
  /** Called after each change of it. */
  whenCutOffChanges(listener: () => void): void;
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
  let replicasChanged = (): Promise<void> => Promise.resolve();
  let handOver = (): Promise<void> => Promise.resolve();
  const cutOffListeners: (() => void)[] = [];
  const serial = createSerial();
  const identity = createBackendIdentity({ ...options, events });
  await identity.check();
  const replicas = await joinReplicas({
    ...options,
    heartbeatMs: options.settings.heartbeatMs,
    onChanged: () => replicasChanged(),
    askBackend: (signal) =>
      options.backend.checkHealth({ signal: AbortSignal.any([signal, options.signal]) }),
    audit: createAuditAnswers(options.audit),
    onCutOff: (code) => {
      for (const listener of cutOffListeners) listener();
      if (code === undefined) return;
      options.log.error('this replica does not reach what others do: its holders are sent to them', { code });
      for (const attached of hub.all()) attached.send({ kind: 'sent_away', code });
      if (code !== 'ledger_unavailable') void handOver();
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
    recorded: new Set(),
    endRecords: createEndRecords({ ...options, events }),
    pathSlots: createPathSlots({
      ...options,
      slots: options.settings.workConcurrency,
      onSlack: (path, count) => probes.recallSome(path, count),
    }),
    pathProbes: createPathProbes({ ...options, ...options.settings, onOpen: (path) => probes.open(path) }),
    trouble: createTrouble(hub),
    detachments: createDetachments({ ...options, hub, events, serial }),
    wake: () => wake(),
  };

  const probes: ProbeWork = createProbeWork(parts);
  const goneHolders = createGoneHolders(parts);
  try {
    await goneHolders.detach();
  } catch (error) {
    await replicas.leave();
    throw error;
  }

  const withHold = async (id: string, task: () => Promise<number | undefined>) => {
    const session = await parts.ledger.findSession(id);
    if (session === undefined) return undefined;
    return parts.serial.run(holdKey(session), task);
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
      room: (begun) => {
        // What it cannot do is others' to do.
        if (replicas.cutOffFrom() !== undefined) return 0;
        return kinds.includes('revoke') ? share.room(begun) : undefined;
      },
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
  handOver = async () => {
    try {
      await parts.ledger.releaseClaims(parts.replica);
      // Those that failed here were sent away for longer than the others need wait.
      probes.recall();
    } catch (error) {
      parts.log.warn('what this replica has claimed is left to others only later', {}, error);
    }
  };

  const canaries = createCanaries(parts);
  const grants = createGrantSweep(parts);
  const follow = createFollow(parts, () => grants.sweep());
  replicasChanged = async () => {
    await goneHolders.detach();
    await follow.sweep();
    await parts.endRecords.recordOthers();
  };
  const feed = await parts.ledger.subscribe((change) => void follow.change(change));
  let draining = false;
  const isDraining = () => draining;
  const background = startBackground(parts, { grants, goneHolders, follow, probes, canaries, isDraining });

  return {
    admin: createSessionAdmin(parts, canaries),
    hub,
    events,
    canaries,
    cutOffFrom: () => replicas.cutOffFrom(),
    whenCutOffChanges: (listener) => void cutOffListeners.push(listener),
    sessions: {
      attach: async ({ verified, mayOpen, send }) => {
        if (draining) throw new LeaseholdError('shutting_down');
        // Another replica can do more for it.
        const cutOff = replicas.cutOffFrom();
        if (cutOff !== undefined) throw new LeaseholdError(cutOff);
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
      await follow.stop();
      await background.stop();
      await Promise.all(loops.map((loop) => loop.stop()));
      try {
        await parts.endRecords.settle();
      } catch (error) {
        parts.log.warn('ends that were recorded will be recorded again by another broker', {}, error);
      }
      await replicas.leave();
    },
  };
}
