import { globSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { systemCode } from '../../src/platform/small-file.ts';

/** A place that a secret could leak to, and what stands there. */
export interface Sink {
  readonly name: string;
  readonly bytes: Buffer;
}

export const textSink = (name: string, text: string): Sink => ({ name, bytes: Buffer.from(text, 'utf8') });

const readSink = (file: string): Sink => ({ name: file, bytes: readFileSync(file) });

/** Nothing where it has gone since its name was read. */
const readIfThere = (file: string): readonly Sink[] => {
  try {
    return statSync(file).isFile() ? [readSink(file)] : [];
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
};

/** Every file below a folder that is wanted. */
export const fileSinks = (
  folder: string,
  isWanted: (file: string) => boolean = () => true,
): readonly Sink[] =>
  globSync('**/*', { cwd: folder })
    .map((path) => join(folder, path))
    .filter(isWanted)
    .flatMap(readIfThere);

/** What every user of a machine, or its administrator, can see of a running process. */
export const processSinks = (pid: number): readonly Sink[] =>
  ['cmdline', 'environ'].map((name) => readSink(`/proc/${pid}/${name}`));

/** The Node process that was started with that argument. */
export const pidOf = (argument: string): number => {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      if (words.includes(argument) && words[0]?.endsWith('node') === true) return Number(pid);
    } catch {
      // Ended meanwhile.
    }
  }
  throw new Error('no such process');
};

/**
 * The spellings in which a value could stand somewhere: as it is, in hex, and inside base64 of either alphabet, at each of the
 * three places where it could begin in a group of three bytes. Of base64 only what the neighbours cannot change.
 */
const spellingsOf = (value: string): Readonly<Record<string, string>> => {
  const bytes = Buffer.from(value, 'utf8');
  const base64 = [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString('base64')
      .replaceAll('=', '');
    return text.slice(offset === 0 ? 0 : offset + 1, -1);
  });
  return {
    plain: value,
    hex: bytes.toString('hex'),
    'upper-case hex': bytes.toString('hex').toUpperCase(),
    ...Object.fromEntries(base64.map((text, offset) => [`base64 at ${offset}`, text])),
    ...Object.fromEntries(
      base64.map((text, offset) => [
        `base64url at ${offset}`,
        text.replaceAll('+', '-').replaceAll('/', '_'),
      ]),
    ),
  };
};

/** Shorter than that a value could stand somewhere by chance. */
const shortestCanary = 12;

/** `WHAT (SPELLING) in SINK` for each that stands there; the values themselves are in no message. */
export const findLeaks = (
  sinks: readonly Sink[],
  canaries: Readonly<Record<string, string>>,
): readonly string[] =>
  Object.entries(canaries).flatMap(([what, canary]) => {
    if (canary.length < shortestCanary) throw new Error(`${what} is too short to be searched for`);
    return Object.entries(spellingsOf(canary)).flatMap(([spelling, text]) =>
      sinks.filter(({ bytes }) => bytes.includes(text)).map(({ name }) => `${what} (${spelling}) in ${name}`),
    );
  });
