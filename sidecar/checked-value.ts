import { LeaseholdError } from '../src/platform/error.ts';

/** Reads one value of a configuration, or throws `config_invalid` with its key path and the rule, never with the value. */
export type ReadValue<T> = (value: unknown, path: string) => T;

export function broken(path: string, rule: string): LeaseholdError {
  return new LeaseholdError('config_invalid', { detail: `${path === '' ? 'the document' : path}: ${rule}` });
}

/** A mapping with exactly these keys; each reader gets undefined for a key that is missing. */
export function mapping<T>(readers: { readonly [K in keyof T]: ReadValue<T[K]> }): ReadValue<T> {
  return (value, path) => {
    const found = entriesOf(value, path);
    for (const key of found.keys()) {
      if (!Object.hasOwn(readers, key)) throw broken(below(path, key), 'there is no such key');
    }
    const read: Partial<T> = {};
    for (const key in readers) read[key] = readers[key](found.get(key), below(path, key));
    // Every key of T has just been read.
    return read as T;
  };
}

/** A mapping whose keys are data. */
export function entries<T>(
  readKey: ReadValue<string>,
  readEntry: ReadValue<T>,
): ReadValue<readonly [string, T][]> {
  return (value, path) =>
    [...entriesOf(value, path)].map(([key, entry]) => [
      readKey(key, below(path, key)),
      readEntry(entry, below(path, key)),
    ]);
}

export function list<T>(
  read: ReadValue<T>,
  limits: { readonly min: number; readonly max: number },
): ReadValue<readonly T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw broken(path, 'must be a list');
    if (value.length < limits.min || value.length > limits.max) {
      throw broken(path, `must have from ${limits.min} to ${limits.max} entries`);
    }
    return value.map((element, index) => read(element, `${path}[${index}]`));
  };
}

export function text(pattern: RegExp, rule: string): ReadValue<string> {
  return (value, path) => {
    if (typeof value !== 'string') throw broken(path, value === undefined ? 'is required' : 'must be a text');
    if (!pattern.test(value)) throw broken(path, rule);
    return value;
  };
}

export function oneOf<T extends string>(choices: readonly T[]): ReadValue<T> {
  return (value, path) => {
    const found = choices.find((choice) => choice === value);
    if (found === undefined) throw broken(path, `must be one of ${choices.join(', ')}`);
    return found;
  };
}

export function whole(limits: { readonly min: number; readonly max: number }): ReadValue<number> {
  return (value, path) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < limits.min || value > limits.max) {
      throw broken(path, `must be a whole number from ${limits.min} to ${limits.max}`);
    }
    return value;
  };
}

export const flag: ReadValue<boolean> = (value, path) => {
  if (typeof value !== 'boolean') throw broken(path, 'must be true or false');
  return value;
};

export function optional<T>(read: ReadValue<T>): ReadValue<T | undefined>;
export function optional<T>(read: ReadValue<T>, fallback: T): ReadValue<T>;
export function optional<T>(read: ReadValue<T>, fallback?: T): ReadValue<T | undefined> {
  return (value, path) => (value === undefined ? fallback : read(value, path));
}

function entriesOf(value: unknown, path: string): ReadonlyMap<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw broken(path, value === undefined ? 'is required' : 'must be a mapping');
  }
  return new Map(Object.entries(value));
}

/** A key that is not a plain word is shown as JSON, cut short, so that no terminal is confused by it. */
function below(path: string, key: string): string {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(key)) return `${path}[${JSON.stringify(key.slice(0, 64))}]`;
  return path === '' ? key : `${path}.${key}`;
}
