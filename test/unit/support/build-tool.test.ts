import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TempFolder } from '../../support/temp-folder.ts';
import { createTempFolder } from '../../support/temp-folder.ts';
import type { Compile } from '../../support/tools/build-tool.ts';
import { buildTool, makeTool } from '../../support/tools/build-tool.ts';
import type { ToolDefinition } from '../../support/tools/definitions.ts';
import { cachedToolFolder, cachedToolPath } from '../../support/tools/tool-cache.ts';

describe('building a tool', () => {
  let folder: TempFolder;
  let cacheFolder: string;
  let tool: ToolDefinition;
  beforeEach(async () => {
    folder = await createTempFolder();
    cacheFolder = join(folder.path, 'cache');
    const moduleFolder = join(folder.path, 'module');
    await mkdir(moduleFolder);
    await writeFile(join(moduleFolder, 'go.mod'), 'module example');
    await writeFile(join(moduleFolder, 'go.sum'), '');
    tool = {
      name: 'etcd',
      folder: moduleFolder,
      go: { package: 'example', ldflags: '' },
      coldBuildMinutes: 1,
    };
  });
  afterEach(async () => {
    await folder.remove();
  });

  const build = (compile: Compile, lines: string[] = []) => {
    const path = cachedToolPath(tool, cacheFolder);
    return buildTool({
      tool,
      cacheFolder,
      find: () => (existsSync(path) ? { path, source: 'cache' } : { missing: 'not built' }),
      compile,
      say: (line) => lines.push(line),
      lockPollMs: 1,
    });
  };

  it('leaves nothing in the cache when the compiler fails', async () => {
    await expect(build(() => Promise.reject(new Error('does not compile')))).rejects.toThrow(
      'does not compile',
    );
    expect((await readdir(cacheFolder)).filter((name) => name !== 'build.lock')).toEqual([]);
  });

  it('makes a second build wait for the first and use its result', async () => {
    let compiled = 0;
    const lines: string[] = [];
    let finish: () => void = () => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    const compile: Compile = async (_tool, output) => {
      compiled += 1;
      await finished;
      await writeFile(output, 'program');
    };
    const first = build(compile);
    const second = build(compile, lines);
    while (lines.length === 0) await new Promise((resolve) => setImmediate(resolve));
    finish();
    expect(await first).toBe(await second);
    expect(compiled).toBe(1);
    expect(lines).toEqual(['etcd: another process is building; waiting for it']);
  });

  it('shows no program in the cache before it is whole', async () => {
    const path = await build(async (_tool, output) => {
      await writeFile(output, 'half');
      expect(existsSync(cachedToolFolder(tool, cacheFolder))).toBe(false);
      await writeFile(output, 'whole');
    });
    expect(existsSync(path)).toBe(true);
  });

  it('removes what a killed build left behind', async () => {
    await mkdir(join(cacheFolder, '.building-dead'), { recursive: true });
    await build((_tool, output) => writeFile(output, 'program'));
    expect(existsSync(join(cacheFolder, '.building-dead'))).toBe(false);
  });

  it('leaves it to a script of its folder, where it has one', async () => {
    tool = { ...tool, script: 'build.sh', go: { package: 'example', ldflags: '-s -w' } };
    const script = join(tool.folder, 'build.sh');
    await writeFile(script, 'cp go.mod "$1"; echo " $2 $3" >>"$1"');
    expect(await readFile(await build(makeTool), 'utf8')).toBe('module example example -s -w\n');
    await writeFile(script, 'echo cannot be built >&2; exit 3');
    await expect(build(makeTool)).rejects.toThrow('making etcd failed (3):\ncannot be built');
  });

  it('builds anew when a pinned source or a flag changes', async () => {
    const before = cachedToolFolder(tool, cacheFolder);
    await writeFile(join(tool.folder, 'go.sum'), 'another');
    const after = cachedToolFolder(tool, cacheFolder);
    expect(after).not.toBe(before);
    expect(cachedToolFolder({ ...tool, go: { package: 'example', ldflags: '-s' } }, cacheFolder)).not.toBe(
      after,
    );
    await mkdir(join(tool.folder, 'part'));
    await writeFile(join(tool.folder, 'part/empty.go'), 'package part');
    expect(cachedToolFolder(tool, cacheFolder)).not.toBe(after);
  });
});
