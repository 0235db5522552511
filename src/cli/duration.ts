import { WrongUse } from './wrong-use.ts';

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `500ms`, `90s`, `15m`, `24h`, `2d` or `0` to milliseconds; undefined when it is none of these. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  const match = /^([0-9]{1,9})(ms|s|m|h|d)$/.exec(text);
  const unit = unitMs[match?.[2] ?? ''];
  return unit === undefined ? undefined : Number(match?.[1]) * unit;
}

/** Throws WrongUse that names the flag. */
export function durationOf(flag: string, text: string): number {
  const parsed = parseDuration(text);
  if (parsed === undefined)
    throw new WrongUse(`${flag} needs a duration`, `for example ${flag} 30s, 15m or 24h`);
  return parsed;
}
