import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ToolDefinition } from './definitions.ts';
import type { FoundTool } from './find-tool.ts';
import { takeBuildLock } from './build-lock.ts';
import { cachedToolFolder, cachedToolPath } from './tool-cache.ts';

/** Compiles one tool into a file. The seam that lets the cache be tested without a compiler. */
export type Compile = (tool: ToolDefinition, output: string, say: Say) => Promise<void>;

/** Receives progress, one line at a time. */
export type Say = (line: string) => void;

export interface BuildToolOptions {
  readonly tool: ToolDefinition;
  readonly cacheFolder: string;
  /** Where the tool is now; asked again under the lock, since another process may just have built it. */
  readonly find: () => FoundTool;
  readonly compile: Compile;
  readonly say: Say;
  readonly signal?: AbortSignal;
  readonly lockPollMs?: number;
}

const PROGRESS_EVERY_MS = 5_000;
const ERROR_LINES = 40;
const UNFINISHED = '.building-';

const removeUnfinished = async (cacheFolder: string): Promise<void> => {
  // Only called under the lock: whoever left these is dead.
  for (const entry of await readdir(cacheFolder)) {
    if (entry.startsWith(UNFINISHED)) await rm(join(cacheFolder, entry), { recursive: true, force: true });
  }
};

const buildIntoCache = async ({ tool, cacheFolder, compile, say }: BuildToolOptions): Promise<string> => {
  await removeUnfinished(cacheFolder);
  const unfinished = await mkdtemp(join(cacheFolder, UNFINISHED));
  try {
    await compile(tool, join(unfinished, tool.name), say);
    const target = cachedToolFolder(tool, cacheFolder);
    // A folder without a program in it would make the rename fail.
    await rm(target, { recursive: true, force: true });
    await rename(unfinished, target);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return cachedToolPath(tool, cacheFolder);
};

/**
 * Returns the tool's path, building it into the cache where it is missing. One build at a time on a machine: a second
 * process waits and then finds the first one's result. A finished build appears in the cache by one rename.
 */
export const buildTool = async (options: BuildToolOptions): Promise<string> => {
  const { tool, cacheFolder, find, say } = options;
  const before = find();
  if ('path' in before) return before.path;
  await mkdir(cacheFolder, { recursive: true });
  const lock = await takeBuildLock({
    path: join(cacheFolder, 'build.lock'),
    onWait: () => say(`${tool.name}: another process is building; waiting for it`),
    ...(options.lockPollMs === undefined ? {} : { pollMs: options.lockPollMs }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  try {
    const underLock = find();
    return 'path' in underLock ? underLock.path : await buildIntoCache(options);
  } finally {
    lock.release();
  }
};

const elapsed = (startedAt: number): string => {
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  return `${Math.floor(seconds / 60)}m${String(seconds % 60).padStart(2, '0')}s`;
};

const goBuild = ['go', 'build', '-v', '-trimpath', '-buildvcs=false', '-mod=readonly'] as const;

const commandFor = ({ name, script, go }: ToolDefinition, output: string): readonly string[] => {
  if (script !== undefined)
    return ['/bin/sh', script, output, ...(go === undefined ? [] : [go.package, go.ldflags])];
  if (go === undefined) throw new Error(`nothing says how ${name} is made`);
  return [...goBuild, '-ldflags', go.ldflags, '-o', output, go.package];
};

/** Compiles with `go build` in the machine's own build cache, or has its script make it; says every few seconds how far it is. */
export const makeTool: Compile = async (tool, output, say) => {
  const startedAt = performance.now();
  const how = tool.go === undefined ? 'fetching the pinned release' : 'building from pinned Go sources';
  say(`${tool.name}: ${how}, about ${tool.coldBuildMinutes} min when nothing is cached`);
  const [program = '', ...args] = commandFor(tool, output);
  const child = spawn(program, args, {
    cwd: tool.folder,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, GOWORK: 'off' },
    // With a process group of its own, whatever a script has started is ended with it.
    detached: true,
  });
  const kill = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
    } catch {
      // It has ended by itself.
    }
  };
  process.on('exit', kill);
  let packages = 0;
  let downloads = 0;
  const other: string[] = [];
  const lines = createInterface({ input: child.stderr });
  lines.on('line', (line) => {
    // `go build -v` prints the bare import path of each package it compiles; anything with a space is a message.
    if (line.startsWith('go: downloading ')) downloads += 1;
    else if (/^\S+$/.test(line)) packages += 1;
    else other.push(line);
  });
  const progress = setInterval(() => {
    // Linking a big program takes a minute in which nothing is printed.
    const done = [
      ...(downloads === 0 ? [] : [`${downloads} modules downloaded`]),
      ...(packages === 0 ? [] : [`${packages} packages compiled`]),
      elapsed(startedAt),
    ];
    say(`${tool.name}: going on, ${done.join(', ')}`);
  }, PROGRESS_EVERY_MS);
  try {
    const status = await new Promise<number | string>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
    });
    if (status !== 0) {
      const reason = other.slice(-ERROR_LINES).join('\n');
      throw new Error(`making ${tool.name} failed (${status}):\n${reason}`);
    }
  } finally {
    clearInterval(progress);
    process.off('exit', kill);
  }
  say(`${tool.name}: made in ${elapsed(startedAt)}`);
};
