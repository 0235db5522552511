import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** A folder of a test's own on the machine's memory filesystem. */
export async function createMemoryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join('/dev/shm', 'leasehold-test-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
