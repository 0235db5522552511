import type { Session__Output as WireSession } from '../../rpc/gen/leasehold/v1/Session.ts';
import type { Look } from '../output.ts';
import { renderTable } from '../table.ts';
import type { Cell } from '../table.ts';

const head = ['SESSION', 'CLUSTER', 'POD', 'BUNDLE', 'STATE', 'NODE', 'CREATED', 'DEADLINE'];

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
    podName(session),
    session.bundle,
    stateCell(session.state),
    session.node,
    look.time(session.createdAtMs),
    look.time(session.deadlineMs),
  ];
}

export function podName(session: WireSession): string {
  return `${session.namespace}/${session.pod}`;
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
