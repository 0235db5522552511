import type { EnrolmentTokenFacts__Output as WireToken } from '../../rpc/gen/leasehold/v1/EnrolmentTokenFacts.ts';
import type { Look } from '../output.ts';
import { type Cell, renderTable } from '../table.ts';
import { instant } from '../time-text.ts';

/** What is known of an enrolment token, as JSON and YAML print it. */
export interface EnrolmentTokenView {
  readonly cluster: string;
  readonly node: string;
  readonly state: string;
  readonly key: string | null;
  readonly by: string | null;
  readonly madeAt: string | null;
  readonly expiresAt: string | null;
}

/** As many digits as audit records show. */
const shownDigits = 16;

export function enrolmentTokenView(token: WireToken): EnrolmentTokenView {
  return {
    cluster: token.cluster,
    node: token.node,
    state: token.state,
    key: token.key === '' ? null : token.key,
    by: token.by === '' ? null : token.by,
    madeAt: instant(token.madeAtMs),
    expiresAt: instant(token.expiresAtMs),
  };
}

export function enrolmentTokenTable(tokens: readonly WireToken[], look: Look): string {
  return renderTable({
    head: ['CLUSTER', 'NODE', 'STATE', 'KEY', 'BY', 'MADE', 'EXPIRES'],
    rows: tokens.map((token) => [
      token.cluster,
      token.node,
      stateCell(token.state),
      token.key === '' ? '-' : token.key.slice(0, shownDigits),
      token.by === '' ? '-' : token.by,
      look.time(token.madeAtMs),
      look.time(token.expiresAtMs),
    ]),
    isColoured: look.isColoured,
  });
}

/** What somebody could still use stands out. */
function stateCell(state: string): Cell {
  return state === 'unused' ? { text: state, colour: 'yellow' } : state;
}
