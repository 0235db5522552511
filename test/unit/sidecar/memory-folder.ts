import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** A folder of a test's own on the machine's memory filesystem, or in another place where what is in it is mounted. */
export async function createMemoryFolder(
  parent = '/dev/shm',
): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(parent, 'leasehold-test-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
