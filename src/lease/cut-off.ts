import type { Replica } from '../ledger/replicas.ts';

/**
 * Whether something that every replica needs has stopped answering this one alone. Each counts the answers that it gets and publishes the
 * counts with its beats; what is away for all stands still everywhere, and then there is nowhere to send anybody. As with the beats, no two
 * clocks are compared.
 */
export interface CutOff {
  /** The part has answered since the last time, or has not. */
  note(part: string, answered: boolean): void;
  /** For the others. */
  answers(): Readonly<Record<string, number>>;
  /** What the others have published, at each look. */
  look(others: readonly Pick<Replica, 'id' | 'answers'>[]): void;
  /** Not answered for some time here (so many looks in a row, by default 5), and still answering another. */
  isCutOffFrom(part: string, looks?: number): boolean;
}

/** Looks in a row without an answer here. */
const silentNotes = 5;
/**
 * Answers that another replica has had since the first one that this one missed. The first may be older than that: it was got before and
 * published after.
 */
const answersElsewhere = 3;
/** Looks at which the other's count may stand still. */
const stillLooks = 3;

/** Of one replica, since this one has no answer. */
interface Elsewhere {
  readonly first: number;
  readonly last: number;
  readonly still: number;
}

interface Part {
  answered: number;
  silent: number;
  readonly elsewhere: Map<string, Elsewhere>;
}

export function createCutOff(): CutOff {
  const parts = new Map<string, Part>();
  const partOf = (name: string): Part => {
    const found = parts.get(name) ?? { answered: 0, silent: 0, elsewhere: new Map<string, Elsewhere>() };
    parts.set(name, found);
    return found;
  };
  return {
    note: (name, answered) => {
      const part = partOf(name);
      if (!answered) {
        part.silent += 1;
        return;
      }
      part.answered += 1;
      part.silent = 0;
      part.elsewhere.clear();
    },
    answers: () => Object.fromEntries([...parts].map(([name, { answered }]) => [name, answered])),
    look: (others) => {
      for (const [name, { silent, elsewhere }] of parts) {
        if (silent === 0) continue;
        for (const id of elsewhere.keys()) if (!others.some((one) => one.id === id)) elsewhere.delete(id);
        for (const { id, answers } of others) {
          const last = answers[name] ?? 0;
          const before = elsewhere.get(id) ?? { first: last, last, still: 0 };
          elsewhere.set(id, { ...before, last, still: before.last === last ? before.still + 1 : 0 });
        }
      }
    },
    isCutOffFrom: (name, looks = silentNotes) => {
      const { silent, elsewhere } = partOf(name);
      if (silent < looks) return false;
      return [...elsewhere.values()].some(
        ({ first, last, still }) => last - first >= answersElsewhere && still < stillLooks,
      );
    },
  };
}
