import { LeaseholdError } from './error.ts';

/** As many nodes as a run assertion may name, and as much text as a hook may send. */
export const hostlistLimits = { mostNodes: 65_536, maxBytes: 4 * 1024 * 1024, mostGroups: 4 } as const;

const nodeName = /^[A-Za-z0-9._-]{1,255}$/;
const range = /^(\d{1,9})(?:-(\d{1,9}))?$/;

/**
 * The names behind a Slurm node list such as `n[1-3,07],gpu[0-1]x[00-01]`, in its order, each once: what `scontrol show hostnames` prints.
 * Throws `request_invalid` for anything else, and for more than the limits before it makes them.
 */
export function expandHostlist(text: string): readonly string[] {
  if (text.length > hostlistLimits.maxBytes) throw invalid('is too long');
  const names = new Set<string>();
  for (const entry of splitEntries(text)) {
    for (const name of expandEntry(entry)) {
      if (!nodeName.test(name)) throw invalid('has a name that no node may have');
      names.add(name);
      if (names.size > hostlistLimits.mostNodes) throw invalid('has too many nodes');
    }
  }
  return [...names];
}

/** At commas outside of brackets. */
function splitEntries(text: string): readonly string[] {
  const entries: string[] = [];
  let [from, isInside] = [0, false];
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at];
    if (sign === '[' || sign === ']') {
      if ((sign === '[') === isInside) throw invalid('has brackets that do not fit');
      isInside = sign === '[';
    } else if (sign === ',' && !isInside) {
      entries.push(text.slice(from, at));
      from = at + 1;
    }
  }
  if (isInside) throw invalid('has brackets that do not fit');
  return [...entries, text.slice(from)];
}

function expandEntry(entry: string): readonly string[] {
  // Odd parts stand in brackets.
  const parts = entry.split(/[[\]]/);
  if (parts.length > 2 * hostlistLimits.mostGroups + 1) throw invalid('has too many brackets in one name');
  return parts.reduce<readonly string[]>(
    (starts, part, index) => {
      const ends = index % 2 === 0 ? [part] : numbersOf(part);
      if (starts.length * ends.length > hostlistLimits.mostNodes) throw invalid('has too many nodes');
      return starts.flatMap((start) => ends.map((end) => start + end));
    },
    [''],
  );
}

/** `1-3,07` as texts; a number keeps the width of the range's first one. */
function numbersOf(list: string): readonly string[] {
  const numbers: string[] = [];
  for (const piece of list.split(',')) {
    const [, first, last = first] = range.exec(piece) ?? [];
    if (first === undefined || last === undefined) throw invalid('has a range that is none');
    const count = Number(last) - Number(first) + 1;
    if (count < 1 || numbers.length + count > hostlistLimits.mostNodes)
      throw invalid('has a range that is empty or too long');
    for (let offset = 0; offset < count; offset += 1)
      numbers.push(String(Number(first) + offset).padStart(first.length, '0'));
  }
  return numbers;
}

function invalid(rule: string): LeaseholdError {
  return new LeaseholdError('request_invalid', { detail: `the node list ${rule}` });
}
