import { execFileSync } from 'node:child_process';

const OLDEST = { major: 1, minor: 25 } as const;
const DEADLINE_MS = 20_000;

/** Whether that line of `go version` names a Go that can build the pinned tools. */
export const isUsableGo = (line: string): boolean => {
  const match = /\bgo(\d+)\.(\d+)/.exec(line);
  if (match === null) return false;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major > OLDEST.major || (major === OLDEST.major && minor >= OLDEST.minor);
};

/** Undefined where Go can build the tools, else one plain sentence for the person at the terminal. */
export const whyNoGo = (): string | undefined => {
  const wanted = `Go ${OLDEST.major}.${OLDEST.minor} or later is needed on PATH to build the tools for tests`;
  let line: string;
  try {
    line = execFileSync('go', ['version'], { encoding: 'utf8', timeout: DEADLINE_MS }).trim();
  } catch {
    return `${wanted}; there is none.`;
  }
  return isUsableGo(line) ? undefined : `${wanted}; this is ${line.replace('go version ', '')}.`;
};
