import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { LeaseholdError } from './error.ts';

/**
 * A whole file that somebody configured. Follows links. Throws `config_invalid` with the file and the rule: cannot be read, is not a file, is
 * too large, can be written by everyone.
 */
export async function readSmallFile(
  file: string,
  { maxBytes }: { readonly maxBytes: number },
): Promise<Buffer> {
  const refuse = (rule: string) => new LeaseholdError('config_invalid', { detail: `${file}: ${rule}` });
  let handle: FileHandle | undefined;
  try {
    // Without O_NONBLOCK, opening a named pipe would wait for a writer for ever.
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const status = await handle.stat();
    if (!status.isFile()) throw refuse('is not a file');
    // Whoever can write here decides who gets which secret.
    if ((status.mode & 0o002) !== 0) throw refuse('must not be writable by everyone');
    if (status.size > maxBytes) throw refuse('is too large');
    const content = await handle.readFile();
    if (content.byteLength > maxBytes) throw refuse('is too large');
    return content;
  } catch (error) {
    if (error instanceof LeaseholdError) throw error;
    throw refuse(`cannot be read (${systemCode(error)})`);
  } finally {
    await handle?.close();
  }
}

/** `ENOENT` and the like, the only part of a system error that is shown. */
export function systemCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[A-Z0-9]{1,16}$/.test(code) ? code : 'unknown reason';
}
