import { WrongUse } from './wrong-use.ts';

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * `90s`, `15m`, `24h`, `7d` or `0` to milliseconds; undefined when it is none of these. The same words as in the
 * configuration files, read without their schema library, which costs more to load than most commands take.
 */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  const match = /^([0-9]{1,9})([smhd])$/.exec(text);
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

/** An instant, or a duration before `now`, in milliseconds since the Unix epoch. Throws WrongUse that names the flag. */
export function momentOf(flag: string, text: string, now: number): number {
  const ago = parseDuration(text);
  if (ago !== undefined) return now - ago;
  const isInstant = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2}))?$/.test(text);
  const at = isInstant ? Date.parse(text) : NaN;
  if (Number.isNaN(at)) {
    throw new WrongUse(
      `${flag} needs an instant or how long ago`,
      `for example ${flag} 2026-01-31T09:30:00Z, ${flag} 2026-01-31 or ${flag} 2h`,
    );
  }
  return at;
}
