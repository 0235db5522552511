import { readFile } from 'node:fs/promises';
import type * as z from 'zod';
import { writeFileAtomically } from '../platform/atomic-file.ts';
import { LeaseholdError } from '../platform/error.ts';
import { systemCode } from '../platform/small-file.ts';

/** A value that outlives the signer: one JSON file in its state folder, 0600. Writes never overlap, and one serves all who wait. */
export interface KeptFile<Value> {
  read(): Promise<Value | undefined>;
  /** Resolves when what the value is now, or later, is on disk. */
  write(): Promise<void>;
}

/** `read` throws `config_invalid` for a file that is there and cannot be used: a signer that forgets what it registered must not do so unseen. */
export function keepFile<Value>(options: {
  readonly path: string;
  readonly schema: z.ZodType<Value>;
  readonly current: () => Value;
}): KeptFile<Value> {
  const { path } = options;
  const refuse = (rule: string) => new LeaseholdError('config_invalid', { detail: `${path}: ${rule}` });
  let running: Promise<void> = Promise.resolve();
  let waiting: Promise<void> | undefined;
  return {
    read: async () => {
      let text: string;
      try {
        text = await readFile(path, 'utf8');
      } catch (error) {
        if (systemCode(error) === 'ENOENT') return undefined;
        throw refuse(`cannot be read (${systemCode(error)})`);
      }
      try {
        return options.schema.parse(JSON.parse(text));
      } catch {
        throw refuse('is not what the signer keeps; move it away to begin anew');
      }
    },
    write: () => {
      waiting ??= running
        .catch(() => undefined)
        .then(() => {
          waiting = undefined;
          running = writeFileAtomically({ path, data: JSON.stringify(options.current()), mode: 0o600 }).catch(
            (cause: unknown) => {
              throw new LeaseholdError('internal', { detail: 'the state folder cannot be written', cause });
            },
          );
          return running;
        });
      return waiting;
    },
  };
}
