import type { Selector } from '../rpc/gen/leasehold/v1/Selector.ts';
import { WrongUse } from './wrong-use.ts';
import type { World } from './world.ts';

/** Throws WrongUse before anything is sent when nobody can be asked and nobody has said yes. */
export function requireYesOrTerminal(
  options: { readonly yes: boolean; readonly dryRun?: boolean },
  world: World,
): void {
  if (options.yes || options.dryRun === true || world.stdio.canAsk) return;
  throw new WrongUse(
    'nobody can be asked here, because this is not a terminal',
    `add --yes to go ahead${options.dryRun === undefined ? '' : ', or --dry-run to see what it would do'}`,
  );
}

/** True only for a plain yes. */
export async function confirm(question: string, world: World): Promise<boolean> {
  const answer = await world.stdio.ask(`${question} [y/N] `, world.interrupted);
  return answer !== undefined && /^y(es)?$/i.test(answer.trim());
}

/** `1 session`, `3 sessions`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** How the selector was meant, for the question. Values were checked to be printable. */
export function describeSelector(selector: Selector): string {
  if (selector.all === true) return 'everything';
  return Object.entries(selector)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}
