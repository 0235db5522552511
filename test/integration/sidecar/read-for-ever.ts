import { readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Reads user and password of one generation over and over, until its input ends, and reports a mixture or a torn file.
 * A generation that is removed while it is read is left for the next one, as a program has to.
 */
const [folder = ''] = process.argv.slice(2);
const input = new AbortController();
process.stdin.on('end', () => input.abort()).resume();
const seen = new Set<string>();
while (!input.signal.aborted) {
  try {
    const generation = join(folder, await readlink(join(folder, '..data')));
    const user = await readFile(join(generation, 'user'), 'utf8');
    const password = await readFile(join(generation, 'deep/er/password'), 'utf8');
    const mark = /^user-([0-9]+)$/.exec(user)?.[1];
    if (mark === undefined || password !== `password-${mark}`) {
      process.stdout.write('MIXED\n');
      process.exit(1);
    }
    if (seen.size === 0) process.stdout.write('reading\n');
    seen.add(mark);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}
process.stdout.write(`${seen.size}\n`);
process.exit(0);
