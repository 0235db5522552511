import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ToolDefinition } from './definitions.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Where built tools are kept: outside the checkout, so that clones share them and a clean checkout does not lose them. */
export const toolCacheFolder = (env: Environment): string => {
  const set = (name: string): string | undefined => (env[name] === '' ? undefined : env[name]);
  const base = set('LEASEHOLD_CACHE') ?? set('XDG_CACHE_HOME') ?? join(homedir(), '.cache');
  return join(base, 'leasehold', 'tools');
};

/**
 * Folder of one build. Its name carries a digest of everything that decides what is built (pinned sources and
 * flags), so a changed pin is a new build. The compiler's version is left out on purpose: a build made by one Go
 * stays good where another Go, or none, is installed.
 */
export const cachedToolFolder = (tool: ToolDefinition, cacheFolder: string): string => {
  const digest = createHash('sha256');
  for (const file of ['go.mod', 'go.sum']) digest.update(readFileSync(join(tool.moduleFolder, file)));
  digest.update(JSON.stringify([tool.goPackage, tool.ldflags]));
  return join(cacheFolder, `${tool.name}-${digest.digest('hex').slice(0, 16)}`);
};

/** Path of the program inside the cache, whether or not it is there. */
export const cachedToolPath = (tool: ToolDefinition, cacheFolder: string): string =>
  join(cachedToolFolder(tool, cacheFolder), tool.name);
