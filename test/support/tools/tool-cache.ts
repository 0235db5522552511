import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ToolDefinition } from './definitions.ts';

/** Where the demo looks too. */
export { toolCacheFolder } from '../../../src/demo/parts/find-program.ts';

/**
 * Folder of one build. Its name carries a digest of everything that decides what is built (pinned sources and
 * flags), so a changed pin is a new build. The compiler's version is left out on purpose: a build made by one Go
 * stays good where another Go, or none, is installed.
 */
export const cachedToolFolder = (tool: ToolDefinition, cacheFolder: string): string => {
  const digest = createHash('sha256');
  const files = readdirSync(tool.folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  for (const file of files.toSorted()) digest.update(readFileSync(file));
  if (tool.go !== undefined) digest.update(JSON.stringify([tool.go.package, tool.go.ldflags]));
  return join(cacheFolder, `${tool.name}-${digest.digest('hex').slice(0, 16)}`);
};

/** Path of the program inside the cache, whether or not it is there. */
export const cachedToolPath = (tool: ToolDefinition, cacheFolder: string): string =>
  join(cachedToolFolder(tool, cacheFolder), tool.name);
