import type { RunFacts__Output as WireRun } from '../../rpc/gen/leasehold/v1/RunFacts.ts';
import type { Session__Output as WireSession } from '../../rpc/gen/leasehold/v1/Session.ts';
import type { Look } from '../output.ts';
import { renderFacts, renderTable } from '../table.ts';
import { outcomeCell } from './outcome.ts';
import { isCanary, stateCell, workloadName } from './session-table.ts';

/** One session for people: its facts, then its holders and its credentials. */
export function sessionFacts(session: WireSession, look: Look): string {
  const facts = renderFacts(
    [
      ['Session', session.id],
      ['State', stateCell(session.state)],
      ...(session.endReason === '' ? [] : [['Ended because', session.endReason] as const]),
      ['Bundle', session.bundle],
      [workloadKind(session), workloadName(session)],
      ['Cluster', session.cluster],
      ...(isCanary(session)
        ? []
        : session.run === null
          ? ([
              ['Service account', session.serviceAccount],
              ['Node', session.node],
            ] as const)
          : runFacts(session.run, look)),
      ['Workload', session.workload],
      ['Identity', session.spiffeId],
      ['Grant', session.grant],
      ['Generation', String(session.generation)],
      ['Created', look.time(session.createdAtMs)],
      ['Deadline', look.time(session.deadlineMs)],
      ...(session.endedAtMs === 0 ? [] : [['Ended', look.time(session.endedAtMs)] as const]),
    ],
    look.isColoured,
  );
  return [facts, holders(session, look), credentials(session, look)].join('\n');
}

function workloadKind(session: WireSession): string {
  if (isCanary(session)) return 'Canary';
  return session.run === null ? 'Pod' : 'Run';
}

function runFacts(run: WireRun, look: Look): readonly (readonly [string, string])[] {
  return [
    ['Partition', run.partition],
    ['Account', run.account],
    ['QOS', run.qos],
    ['Started', look.time(run.startMs)],
    ...(run.restarts === undefined ? [] : [['Restarts', String(run.restarts)] as const]),
    ...(run.sluid === '' ? [] : [['SLUID', run.sluid] as const]),
    ['Nodes', String(run.nodes)],
  ];
}

function holders(session: WireSession, look: Look): string {
  if (isCanary(session)) return 'nobody holds what a canary issues\n';
  if (session.holders.length === 0) return 'no holders\n';
  return renderTable({
    head: ['HOLDER', 'ATTACHED', 'GENERATION', 'DELIVERED', 'FILES'],
    rows: session.holders.map((holder) => [
      holder.name,
      holder.attached ? 'yes' : 'no',
      holder.generation === 0 ? '-' : String(holder.generation),
      look.time(holder.deliveredAtMs),
      holder.wipedAtMs === 0 ? 'not wiped' : `wiped ${look.time(holder.wipedAtMs)}`,
    ]),
    isColoured: look.isColoured,
  });
}

function credentials(session: WireSession, look: Look): string {
  if (session.credentials.length === 0) {
    return session.leased
      ? 'no credentials on record\n'
      : 'nothing leased: this bundle holds static secrets only\n';
  }
  return renderTable({
    head: ['CREDENTIAL', 'KIND', 'PATH', 'HMAC', 'SINCE', 'TRIES', 'EXPIRES', 'OUTCOME'],
    rows: session.credentials.map((credential) => [
      credential.id,
      credential.kind,
      credential.path,
      credential.hmac,
      look.time(credential.sinceMs),
      String(credential.attempts),
      look.time(credential.expiresAtMs),
      outcomeCell(credential, look),
    ]),
    isColoured: look.isColoured,
  });
}
