/** RFC 3339 in UTC; null for 0 (never) and for what no calendar has. */
export function instant(atMs: number): string | null {
  if (atMs === 0 || !Number.isFinite(atMs) || Math.abs(atMs) > 8.64e15) return null;
  return new Date(atMs).toISOString();
}

/** How long, in the two largest units: `45s`, `3m20s`, `2h5m`, `6d4h`. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  const steps = [
    [86_400, 'd', 3600, 'h'],
    [3600, 'h', 60, 'm'],
    [60, 'm', 1, 's'],
  ] as const;
  for (const [large, largeName, small, smallName] of steps) {
    if (seconds < large) continue;
    const rest = Math.floor((seconds % large) / small);
    return `${Math.floor(seconds / large)}${largeName}${rest === 0 ? '' : `${rest}${smallName}`}`;
  }
  return `${seconds}s`;
}

/** How a table writes an instant. */
export type TimeText = (atMs: number) => string;

/** On a terminal `in 5m` or `3h ago`; elsewhere RFC 3339. `-` for never. */
export function timeText(options: { readonly isTerminal: boolean; readonly now: number }): TimeText {
  return (atMs) => {
    const exact = instant(atMs);
    if (exact === null) return '-';
    if (!options.isTerminal) return exact;
    const away = atMs - options.now;
    if (Math.abs(away) < 1000) return 'now';
    return away > 0 ? `in ${span(away)}` : `${span(-away)} ago`;
  };
}
