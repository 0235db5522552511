/** What the demo shows: a line for people, or one JSON object a line. */
export interface DemoReport {
  /** `facts` go into the JSON line and are documented in docs/demo.md; people read `text`. Neither ever holds a whole secret value. */
  step(step: string, text: string, facts?: Readonly<Record<string, unknown>>): void;
  /** Since the start. */
  seconds(): number;
}

export function createDemoReport(options: {
  readonly output: 'text' | 'json';
  readonly write: (line: string) => void;
  readonly monotonic: () => number;
}): DemoReport {
  const startedAt = options.monotonic();
  const seconds = () => Math.round((options.monotonic() - startedAt) / 100) / 10;
  return {
    seconds,
    step: (step, text, facts = {}) => {
      if (options.output === 'json') {
        options.write(`${JSON.stringify({ step, ...facts })}\n`);
        return;
      }
      options.write(`${seconds().toFixed(1).padStart(5)} s  ${step.padEnd(9)} ${text}\n`);
    },
  };
}

/** Enough to see that two values differ, too little to use one. */
export function masked(value: string): string {
  return `${value.slice(0, 3)}${'•'.repeat(Math.min(12, Math.max(4, value.length - 3)))}`;
}
