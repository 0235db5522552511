import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { Environment } from '../../../src/demo/parts/find-program.ts';
import { findOnPath, isProgram, toolCacheFolder } from '../../../src/demo/parts/find-program.ts';
import type { ToolName } from './definitions.ts';
import { toolDefinition } from './definitions.ts';
import { cachedToolPath } from './tool-cache.ts';

/** Where a tool is, or the reason why a suite that needs it cannot run. */
export type FoundTool =
  | { readonly path: string; readonly source: 'LEASEHOLD_TOOLS_DIR' | 'PATH' | 'cache' }
  | { readonly missing: string };

const VERSION_DEADLINE_MS = 20_000;

const prints = (path: string, expected: RegExp): boolean => {
  try {
    const text = execFileSync(path, ['--version'], { encoding: 'utf8', timeout: VERSION_DEADLINE_MS });
    return expected.test(text);
  } catch {
    return false;
  }
};

/**
 * Looks for a tool in the folder named by LEASEHOLD_TOOLS_DIR, then on PATH, then in the cache. Builds nothing.
 * A program on PATH counts only when its version is one the tests are written for.
 */
export const findTool = (name: ToolName, env: Environment = process.env): FoundTool => {
  const tool = toolDefinition(name);
  const chosenFolder = env['LEASEHOLD_TOOLS_DIR'];
  if (chosenFolder !== undefined && chosenFolder !== '') {
    const path = join(chosenFolder, name);
    if (isProgram(path)) return { path, source: 'LEASEHOLD_TOOLS_DIR' };
  }
  const onPath = tool.neverOnPath ? undefined : findOnPath(name, env);
  if (onPath !== undefined && (tool.acceptedVersion === undefined || prints(onPath, tool.acceptedVersion))) {
    return { path: onPath, source: 'PATH' };
  }
  const cached = cachedToolPath(tool, toolCacheFolder(env));
  if (isProgram(cached)) return { path: cached, source: 'cache' };
  const why = tool.neverOnPath ? 'is not built' : 'is neither on PATH nor built';
  return { missing: `${name} ${why}; "npm run tools" builds it` };
};

/** Path of a tool that a suite has already made sure of; throws the reason where it is missing. */
export const toolPath = (name: ToolName): string => {
  const found = findTool(name);
  if ('missing' in found) throw new Error(found.missing);
  return found.path;
};
