import { LeaseholdError } from '../../src/platform/error.ts';
import type { FileSpec } from '../../src/rpc/client/hold-messages.ts';

/** Written into every generation beside the bundle's own files, so no file of a bundle may have its name. */
export const generationFileName = 'generation';

const maxFiles = 256;
const maxPathLength = 1024;
const maxSegmentLength = 255;
const maxId = 2 ** 32 - 2;

/**
 * Refuses, with `delivery_unsafe`, a layout that could leave the bundle's folder, collide with itself or with the
 * names that deliveries use, or carry set-id bits. The broker checks the same; a holder does not depend on that.
 */
export function checkLayout(files: readonly FileSpec[]): void {
  if (files.length > maxFiles) throw unsafe('too many files in one bundle');
  const paths = new Set<string>();
  for (const file of files) {
    const problem = pathProblem(file.path);
    if (problem !== undefined) throw unsafe(problem);
    if (paths.has(file.path)) throw unsafe('two files have the same path');
    paths.add(file.path);
    if (!Number.isInteger(file.mode) || file.mode < 0 || file.mode > 0o777) {
      throw unsafe('a mode has more than permission bits');
    }
    if (!isId(file.uid) || !isId(file.gid)) throw unsafe('an owner or group is not a valid id');
  }
  for (const path of paths) {
    const segments = path.split('/');
    for (let depth = 1; depth < segments.length; depth += 1) {
      if (paths.has(segments.slice(0, depth).join('/')))
        throw unsafe('a file and a folder have the same path');
    }
  }
}

/** The rule that a path breaks, or undefined. */
export function pathProblem(path: string): string | undefined {
  if (path.length === 0 || path.length > maxPathLength) return 'a path is empty or too long';
  // Control characters would forge lines in the logs and listings of whoever looks at the folder.
  if (/[\p{Cc}\\]/u.test(path)) return 'a path holds a control character or a backslash';
  const segments = path.split('/');
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..')) {
    return 'a path has an empty, . or .. segment';
  }
  if (segments.some((segment) => Buffer.byteLength(segment) > maxSegmentLength)) {
    return 'a segment of a path is too long';
  }
  // `..data`, generations and kept values live under such names.
  if (segments.some((segment) => segment.startsWith('..'))) {
    return 'a segment of a path begins with two dots, which is reserved';
  }
  if (segments[0] === generationFileName) return 'a path begins with the reserved name generation';
  return undefined;
}

function isId(id: number | undefined): boolean {
  return id === undefined || (Number.isInteger(id) && id >= 0 && id <= maxId);
}

function unsafe(detail: string): LeaseholdError {
  return new LeaseholdError('delivery_unsafe', { detail });
}
