import { isPrintable } from './printable.ts';
import type { OptionSpecs } from './spec.ts';
import { WrongUse } from './wrong-use.ts';

const longest = 500;

export const reasonOption = {
  reason: {
    kind: 'text',
    required: true,
    value: 'TEXT',
    help: `why, in words; written to the audit log (1 to ${longest} characters)`,
  },
} as const satisfies OptionSpecs;

/** Throws WrongUse before the broker has to refuse it. */
export function readReason(text: string): string {
  if (text.length > longest) throw new WrongUse(`--reason is longer than ${longest} characters`);
  if (!isPrintable(text)) throw new WrongUse('--reason has control characters', 'write it on one line');
  return text;
}
