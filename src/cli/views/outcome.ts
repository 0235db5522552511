import type { BackendCredential__Output as WireCredential } from '../../rpc/gen/leasehold/v1/BackendCredential.ts';
import type { Session__Output as WireSession } from '../../rpc/gen/leasehold/v1/Session.ts';
import type { Look } from '../output.ts';
import { renderTable } from '../table.ts';
import type { Cell, Colour } from '../table.ts';
import { workloadName, stateCell } from './session-table.ts';

/**
 * True while a credential may still work at the backend: not revoked yet, or not revocable and not expired. The others
 * are gone (confirmed, vanished, lapsed) or given up on by a person (written_off).
 */
export function isOutstanding(credential: WireCredential): boolean {
  return ['held', 'outstanding', 'expires'].includes(credential.settlement);
}

/** True when the session has not ended or something of it may still work. */
export function isUnfinished(session: WireSession): boolean {
  return session.state !== 'ended' || session.credentials.some(isOutstanding);
}

/** What became of one credential: its true name, and for what is not gone, why and until when. */
export function outcomeCell(credential: WireCredential, look: Look): Cell {
  const { settlement } = credential;
  const colour = colourOf(settlement);
  const text = [settlement.replaceAll('_', ' '), ...outcomeNotes(credential, look)].join(', ');
  return colour === undefined ? text : { text, colour };
}

function outcomeNotes(credential: WireCredential, look: Look): readonly string[] {
  switch (credential.settlement) {
    case 'held':
    case 'outstanding':
      return [
        ...(credential.why === '' ? [] : [credential.why]),
        ...(credential.nextTryMs === 0 ? [] : [`next try ${look.time(credential.nextTryMs)}`]),
      ];
    case 'expires':
      return ['not revocable', `ends ${look.time(credential.expiresAtMs)}`];
    case 'lapsed':
      return ['ended by itself'];
    case 'vanished':
      return [
        credential.why === ''
          ? 'not seen at the backend, not by our doing'
          : `not seen at the backend, after a try of ours whose outcome is not known (${credential.why})`,
      ];
    case 'written_off':
      return ['given up by a person'];
    default:
      return [];
  }
}

function colourOf(settlement: string): Colour | undefined {
  switch (settlement) {
    case 'confirmed':
      return 'green';
    case 'outstanding':
    case 'expires':
      return 'red';
    case 'vanished':
    case 'lapsed':
    case 'written_off':
      return 'yellow';
    default:
      return undefined;
  }
}

/** Whether the holders have said that their files are gone: their statement, not a proof. */
export function wipedCell(session: WireSession): Cell {
  const wiped = session.holders.filter((holder) => holder.wipedAtMs !== 0).length;
  if (session.holders.length === 0) return '-';
  if (wiped === session.holders.length) return { text: 'wiped', colour: 'green' };
  return wiped === 0 ? 'not wiped' : `${wiped} of ${session.holders.length} wiped`;
}

/** One row for each credential of each session; a session without any has one row. */
export function outcomeTable(sessions: readonly WireSession[], look: Look): string {
  const head = ['SESSION', 'WORKLOAD', 'BUNDLE', 'STATE', 'FILES', 'KIND', 'PATH', 'CREDENTIAL', 'OUTCOME'];
  const rows = sessions.flatMap((session) => {
    const lead = [
      session.id,
      workloadName(session),
      session.bundle,
      stateCell(session.state),
      wipedCell(session),
    ];
    if (session.credentials.length === 0) return [[...lead, '-', '-', '-', 'nothing leased']];
    return session.credentials.map((credential) => [
      ...lead,
      credential.kind,
      credential.path,
      credential.id,
      outcomeCell(credential, look),
    ]);
  });
  const table = renderTable({ head, rows, isColoured: look.isColoured });
  const ofNodes = sessions.filter(({ run }) => (run?.nodes ?? 1) > 1);
  return ofNodes.length === 0 ? table : [table, nodeTable(ofNodes, look)].join('\n');
}

/** Of runs on several nodes: on which the files are gone, and which nobody can ask now. */
function nodeTable(sessions: readonly WireSession[], look: Look): string {
  return renderTable({
    head: ['SESSION', 'NODE', 'FILES', 'NODE IS'],
    rows: sessions.flatMap((session) =>
      session.holders.map((holder): readonly Cell[] => [
        session.id,
        holder.name,
        holder.wipedAtMs !== 0
          ? { text: `wiped ${look.time(holder.wipedAtMs)}`, colour: 'green' }
          : holder.generation === 0
            ? 'none delivered'
            : { text: 'not wiped', colour: 'red' },
        holder.wipedAtMs !== 0
          ? '-'
          : holder.attached
            ? 'attached'
            : { text: 'out of reach', colour: 'yellow' },
      ]),
    ),
    isColoured: look.isColoured,
  });
}
