import * as z from 'zod';

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `90s`, `15m`, `24h` or `7d` in whole seconds; undefined when the text is none of these. One number, one unit. */
export function parseDuration(text: string): number | undefined {
  const [, digits, unit] = /^(0|[1-9][0-9]{0,8})([smhd])$/.exec(text) ?? [];
  const seconds = unit === undefined ? undefined : unitSeconds[unit];
  return seconds === undefined ? undefined : Number(digits) * seconds;
}

/** The shortest exact way to write whole seconds, as `parseDuration` reads it. */
export function formatDuration(seconds: number): string {
  for (const unit of ['d', 'h', 'm'] as const) {
    const size = unitSeconds[unit] ?? 1;
    if (seconds > 0 && seconds % size === 0) return `${seconds / size}${unit}`;
  }
  return `${seconds}s`;
}

/** A duration in a configuration file, read into whole seconds. Limits are whole seconds and both allowed themselves. */
export function durationSchema(limits: { readonly min: number; readonly max: number }) {
  return z.string().transform((text, context): number => {
    const seconds = parseDuration(text);
    if (seconds === undefined)
      context.addIssue('must be a number with one of the units s, m, h, d, for example 90s');
    else if (seconds < limits.min || seconds > limits.max)
      context.addIssue(`must be from ${formatDuration(limits.min)} to ${formatDuration(limits.max)}`);
    else return seconds;
    return z.NEVER;
  });
}
