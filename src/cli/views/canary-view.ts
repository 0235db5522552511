import { errorMessages, isErrorCode } from '../../platform/error.ts';
import type { Canary__Output as WireCanary } from '../../rpc/gen/leasehold/v1/Canary.ts';
import type { Look } from '../output.ts';
import { renderTable } from '../table.ts';
import type { Cell } from '../table.ts';
import { instant } from '../time-text.ts';

/** A path as JSON and YAML print it. */
export interface CanaryView {
  readonly path: string;
  readonly bundle: string;
  readonly outcome: string;
  readonly why: string | null;
  readonly ranAt: string | null;
  readonly session: string | null;
  readonly passedAt: string | null;
  readonly nextAt: string | null;
}

export function canaryView(canary: WireCanary): CanaryView {
  return {
    path: canary.path,
    bundle: canary.bundle,
    outcome: canary.outcome,
    why: canary.why === '' ? null : canary.why,
    ranAt: instant(canary.ranAtMs),
    session: canary.session === '' ? null : canary.session,
    passedAt: instant(canary.passedAtMs),
    nextAt: instant(canary.nextAtMs),
  };
}

export function canaryTable(canaries: readonly WireCanary[], look: Look): string {
  return renderTable({
    head: ['PATH', 'BUNDLE', 'OUTCOME', 'RAN', 'LAST SUCCESS', 'NEXT', 'SESSION', 'WHY'],
    rows: canaries.map((canary) => [
      canary.path,
      canary.bundle,
      outcomeCell(canary),
      look.time(canary.ranAtMs),
      look.time(canary.passedAtMs),
      look.time(canary.nextAtMs),
      canary.session === '' ? '-' : canary.session,
      whyText(canary),
    ]),
    isColoured: look.isColoured,
  });
}

export function isFailing({ outcome }: WireCanary): boolean {
  return outcome === 'revoke_failed' || outcome === 'issue_failed';
}

function outcomeCell(canary: WireCanary): Cell {
  const text = canary.outcome.replaceAll('_', ' ');
  if (isFailing(canary)) return { text, colour: 'red' };
  return canary.outcome === 'passed' ? { text, colour: 'green' } : { text, colour: 'yellow' };
}

function whyText(canary: WireCanary): string {
  if (!isFailing(canary)) return '-';
  const what = canary.outcome === 'revoke_failed' ? 'cannot be revoked' : 'cannot be issued';
  const { why } = canary;
  return why === '' ? what : `${what}: ${isErrorCode(why) ? `${errorMessages[why]} (${why})` : why}`;
}
