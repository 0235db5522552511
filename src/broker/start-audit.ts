import { hostname } from 'node:os';
import { claimName } from '../audit/claim-name.ts';
import type { Audit } from '../audit/audit.ts';
import { debtPrefix, encodeDebt } from '../audit/debt.ts';
import { openKeptHead } from '../audit/kept-head.ts';
import { openAudit } from '../audit/open-audit.ts';
import { createOwnRow } from '../audit/own-row.ts';
import { payOthers } from '../audit/pay-others.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Clock } from '../platform/clock.ts';
import { endsWithin } from '../platform/ends-within.ts';
import { LeaseholdError } from '../platform/error.ts';
import type { Log } from '../platform/log.ts';
import type { Metrics } from '../platform/metrics.ts';
import { Secret } from '../platform/secret.ts';
import { readSmallFile } from '../platform/small-file.ts';
import { auditSink } from './audit-sink.ts';
import { createAuditSigning } from './audit-signing.ts';
import type { AuditConfig } from './config-audit.ts';
import { findRestored } from './restored-ledger.ts';

const shortestHmacKey = 16;

/** A disk that hangs keeps nobody from going down: after this the name is let go, and what is not written stays owed or unsaid. */
const closeMs = ({ maxWaitMs }: AuditConfig): number => Math.max(5_000, 3 * maxWaitMs);

export interface StartedAudit extends Audit {
  /** Aborts when another broker has this one's name: nothing is recorded here any more. */
  readonly nameLost: AbortSignal;
}

/**
 * The audit log of this replica: a chain of its own, whose head the ledger keeps under the replica's name, and whose owed records under that of its
 * life. A ledger that is older than the log has what it lacks when this resolves.
 */
export async function startAudit(options: {
  readonly config: AuditConfig;
  readonly replica: string;
  readonly ledger: Ledger;
  readonly metrics: Metrics;
  /** The backend's clock. */
  readonly now: () => number;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}): Promise<StartedAudit> {
  const { config, replica, ledger, metrics, clock, log, signal } = options;
  await using building = new AsyncDisposableStack();
  const hmacKey = Secret.ofBytes(await readSmallFile(config.hmacKeyFile, { maxBytes: 4096 }));
  if (hmacKey.byteLength < shortestHmacKey)
    throw new LeaseholdError('config_invalid', {
      detail: `audit.hmacKeyFile: must hold at least ${shortestHmacKey} bytes`,
    });
  const claim = building.use(
    await claimName({
      ledger,
      name: replica,
      host: hostname(),
      pid: process.pid,
      isAlive,
      clock,
      log,
      signal,
    }),
  );
  const recording = new AsyncDisposableStack();
  building.defer(async () => {
    if ((await endsWithin(recording.disposeAsync(), { clock, ms: closeMs(config) })) === undefined)
      log.error('the audit log could not be closed in time', {});
  });
  const head = await openKeptHead({ ledger, replica, claim, log });
  const restored = await findRestored({ ledger, sink: config.sink, head, log });
  const signing =
    config.signing === undefined
      ? undefined
      : recording.use(
          await createAuditSigning({
            config: config.signing,
            log,
            onLostHead: () => metrics.count('auditHeadsLost', {}),
          }),
        );
  const debt = createOwnRow({ ledger, key: `${debtPrefix}${claim.life}`, found: undefined, claim });
  const audit = recording.use(
    await openAudit({
      ...auditSink(config.sink),
      replica,
      hmacKey,
      maxWaitMs: config.maxWaitMs,
      clock,
      log,
      lost: claim.lost,
      owed: {
        store: {
          write: (owed) => debt.write(owed === undefined ? undefined : encodeDebt({ replica, ...owed })),
        },
        onOwed: () => metrics.count('auditFailures', {}),
      },
      onHead: restored.onHead,
      ...(head.found === undefined ? {} : { expectedHead: head.found }),
      ...(signing === undefined ? {} : { signing }),
    }),
  );
  await restored.settle({ audit, now: options.now });
  const paying = await payOthers({
    ledger,
    self: { replica, life: claim.life },
    record: (event) => audit.record(event),
    mayRecord: () => audit.owed() === 0 && audit.takesRecords(),
    clock,
    log,
  });
  recording.defer(() => paying.stop());
  metrics.gauge('auditOwed', () => [{ value: audit.owed(), labels: {} }]);
  const owned = building.move();
  return { ...audit, nameLost: claim.lost, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Of another user, and so alive.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
