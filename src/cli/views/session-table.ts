import { isCanaryWorkload } from '../../platform/canary-workload.ts';
import type { Session__Output as WireSession } from '../../rpc/gen/leasehold/v1/Session.ts';
import type { Look } from '../output.ts';
import { renderTable } from '../table.ts';
import type { Cell } from '../table.ts';

const head = ['SESSION', 'CLUSTER', 'WORKLOAD', 'BUNDLE', 'STATE', 'NODE', 'CREATED', 'DEADLINE'];

export function sessionTable(sessions: readonly WireSession[], look: Look): string {
  return renderTable({
    head,
    rows: sessions.map((session) => sessionRow(session, look)),
    isColoured: look.isColoured,
  });
}

export function sessionRow(session: WireSession, look: Look): readonly Cell[] {
  return [
    session.id,
    session.cluster,
    workloadName(session),
    session.bundle,
    stateCell(session.state),
    session.run !== null && session.run.nodes > 1 ? `${session.run.nodes} nodes` : session.node,
    look.time(session.createdAtMs),
    look.time(session.deadlineMs),
  ];
}

/** `namespace/pod`, or `job 12` with `12_3` for an array task and `12+1` for a component, and its owner; `canary/<path>` for a canary. */
export function workloadName(session: WireSession): string {
  const { namespace, pod, run, workload } = session;
  if (run === null) return isCanary(session) ? workload : `${namespace}/${pod}`;
  const { array, het, jobId, user } = run;
  return `job ${array || het || String(jobId)} (${user})`;
}

export function stateCell(state: string): Cell {
  switch (state) {
    case 'active':
      return { text: state, colour: 'green' };
    case 'opening':
    case 'revoking':
      return { text: state, colour: 'yellow' };
    case 'ended':
      return { text: state, colour: 'dim' };
    default:
      return state;
  }
}

/** Issued by a broker for nobody. */
export function isCanary({ workload }: WireSession): boolean {
  return isCanaryWorkload(workload);
}
