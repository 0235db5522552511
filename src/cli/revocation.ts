import { hasCode } from '../platform/error.ts';
import type { LeaseholdError } from '../platform/error.ts';
import type { AdminClient } from '../rpc/client/admin-client.ts';
import type { RevokeSessionsRequest } from '../rpc/gen/leasehold/v1/RevokeSessionsRequest.ts';
import type { Session__Output as Session } from '../rpc/gen/leasehold/v1/Session.ts';
import { counted } from './confirm.ts';
import { exitStatus } from './exit-status.ts';
import type { ExitStatus } from './exit-status.ts';
import { print } from './output.ts';
import type { OutputFormat } from './output.ts';
import { createProgress } from './progress.ts';
import { isOutstanding, isUnfinished, outcomeTable } from './views/outcome.ts';
import { sessionView } from './views/session-view.ts';
import type { World } from './world.ts';

/** How the telling of a revocation can end without an end of the revocation. */
const endings = ['broker_unavailable', 'shutting_down', 'deadline_exceeded', 'cancelled'] as const;

/** What a revocation has come to. */
export interface Revocation {
  /** Each as last heard of. */
  readonly sessions: readonly Session[];
  readonly matched: number;
  /** Why the broker could not be heard to the end. */
  readonly cut: LeaseholdError | undefined;
}

/** Starts a revocation, or a dry run of one, and follows it until the broker ends its report. */
export async function followRevocation(
  client: AdminClient,
  request: RevokeSessionsRequest,
  world: World,
): Promise<Revocation> {
  const sessions = new Map<string, Session>();
  let matched = 0;
  const progress = createProgress(world);
  try {
    for await (const step of client.revokeSessions(request, world.interrupted)) {
      matched = step.matched;
      if (step.session !== null) sessions.set(step.session.id, step.session);
      progress.update(`revoking: ${step.settled} of ${counted(matched, 'session')} settled`);
    }
    return { sessions: [...sessions.values()], matched, cut: undefined };
  } catch (error) {
    // Once it has answered, the revocation is recorded and goes on without us: what is known is worth printing.
    if (sessions.size === 0 || !hasCode(error, ...endings)) throw error;
    return { sessions: [...sessions.values()], matched, cut: error };
  } finally {
    progress.end();
  }
}

/** Prints it, and says in words and in the exit status whether anything is outstanding. */
export async function reportRevocation(
  revocation: Revocation,
  options: { readonly output: OutputFormat; readonly dryRun: boolean },
  world: World,
): Promise<ExitStatus> {
  const { sessions, matched, cut } = revocation;
  const { err } = world.stdio;
  // A session that was never reported is not finished as far as anybody here knows.
  const unfinished = sessions.filter(isUnfinished).length + Math.max(0, matched - sessions.length);
  await print(world, options.output, {
    data: {
      dryRun: options.dryRun,
      matched,
      settled: options.dryRun ? 0 : matched - unfinished,
      outstandingCredentials: sessions.flatMap((session) => session.credentials).filter(isOutstanding).length,
      sessions: sessions.map(sessionView),
    },
    table: (look) => (sessions.length === 0 ? '' : outcomeTable(sessions, look)),
  });
  if (matched === 0) {
    err.write('no live session matches\n');
    return exitStatus.done;
  }
  if (options.dryRun) {
    err.write(`would revoke ${counted(matched, 'session')}; nothing was changed\n`);
    return exitStatus.done;
  }
  if (cut !== undefined) {
    err.write(`leasehold: no longer following (${cut.code}); the broker goes on by itself\n`);
  }
  if (unfinished === 0) {
    err.write(`revoked ${counted(matched, 'session')}; nothing is outstanding\n`);
    return exitStatus.done;
  }
  err.write(`${unfinished} of ${counted(matched, 'session')} not finished; the broker goes on trying\n`);
  err.write('see how it stands with: leasehold session show ID\n');
  return exitStatus.partlyDone;
}
