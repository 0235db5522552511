/** What the demo shows: a line for people, or one JSON object a line. */
export interface DemoReport {
  /** `facts` go into the JSON line; people read `text`. */
  step(step: string, text: string, facts?: Readonly<Record<string, unknown>>): void;
}

export function createDemoReport(options: {
  readonly output: 'text' | 'json';
  readonly write: (line: string) => void;
  readonly monotonic: () => number;
}): DemoReport {
  const startedAt = options.monotonic();
  return {
    step: (step, text, facts = {}) => {
      if (options.output === 'json') {
        options.write(`${JSON.stringify({ step, ...facts })}\n`);
        return;
      }
      const seconds = ((options.monotonic() - startedAt) / 1000).toFixed(1).padStart(5);
      options.write(`${seconds} s  ${step.padEnd(9)} ${text}\n`);
    },
  };
}

/** Enough to see that two values differ, too little to use one. */
export function masked(value: string): string {
  return `${value.slice(0, 3)}${'•'.repeat(Math.min(12, Math.max(4, value.length - 3)))}`;
}
