import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TempFolder } from '../../support/temp-folder.ts';
import { createTempFolder } from '../../support/temp-folder.ts';
import { toolDefinition } from '../../support/tools/definitions.ts';
import { findTool } from '../../support/tools/find-tool.ts';
import { isUsableGo } from '../../support/tools/go-version.ts';
import { cachedToolPath, toolCacheFolder } from '../../support/tools/tool-cache.ts';

describe('finding a tool', () => {
  let folder: TempFolder;
  let env: { PATH: string; LEASEHOLD_CACHE: string; LEASEHOLD_TOOLS_DIR?: string };
  beforeEach(async () => {
    folder = await createTempFolder();
    env = { PATH: join(folder.path, 'bin'), LEASEHOLD_CACHE: join(folder.path, 'cache') };
  });
  afterEach(async () => {
    await folder.remove();
  });

  const putProgram = async (path: string, prints: string, mode = 0o755) => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, `#!/bin/sh\necho '${prints}'\n`, { mode });
    return path;
  };

  it('names the tool and the command that builds it where it is missing', () => {
    expect(findTool('etcd', env)).toEqual({
      missing: 'etcd is neither on PATH nor built; "npm run tools" builds it',
    });
  });

  it('passes over an etcd on PATH that is too old for the API server', async () => {
    await putProgram(join(env.PATH, 'etcd'), 'etcd Version: 3.4.23');
    expect(findTool('etcd', env)).toHaveProperty('missing');
  });

  it('passes over a file that cannot be executed', async () => {
    await putProgram(join(env.PATH, 'vault'), '', 0o644);
    expect(findTool('vault', env)).toHaveProperty('missing');
  });

  it('never looks into the current folder, whatever PATH says', () => {
    expect(findTool('vault', { ...env, PATH: ':.' })).toHaveProperty('missing');
  });

  it('takes any Vault on PATH, before a built one', async () => {
    const path = await putProgram(join(env.PATH, 'vault'), 'Vault v1.99.0');
    await putProgram(cachedToolPath(toolDefinition('vault'), toolCacheFolder(env)), '');
    expect(findTool('vault', env)).toEqual({ path, source: 'PATH' });
  });

  it('takes the built one where PATH has none that fits', async () => {
    await putProgram(join(env.PATH, 'etcd'), 'etcd Version: 3.4.23');
    const path = await putProgram(cachedToolPath(toolDefinition('etcd'), toolCacheFolder(env)), '');
    expect(findTool('etcd', env)).toEqual({ path, source: 'cache' });
  });

  it('passes over an Apptainer on PATH, whose configuration is the machine’s', async () => {
    await putProgram(join(env.PATH, 'apptainer'), 'apptainer version 1.4.2');
    expect(findTool('apptainer', env)).toEqual({
      missing: 'apptainer is not built; "npm run tools" builds it',
    });
  });

  it('takes what LEASEHOLD_TOOLS_DIR holds before everything else, of any version', async () => {
    await putProgram(join(env.PATH, 'etcd'), 'etcd Version: 3.6.7');
    const tools = join(folder.path, 'tools');
    const path = await putProgram(join(tools, 'etcd'), 'etcd Version: 3.4.23');
    expect(findTool('etcd', { ...env, LEASEHOLD_TOOLS_DIR: tools })).toEqual({
      path,
      source: 'LEASEHOLD_TOOLS_DIR',
    });
  });
});

describe('the Go that builds tools', () => {
  it.each(['go version go1.24.13 linux/amd64', 'go version go1.9 linux/amd64', 'command not found', ''])(
    'refuses %j',
    (line) => {
      expect(isUsableGo(line)).toBe(false);
    },
  );
  it.each([
    'go version go1.25.0 linux/amd64',
    'go version go1.26rc1 linux/arm64',
    'go version go2.0 linux/amd64',
  ])('accepts %j', (line) => {
    expect(isUsableGo(line)).toBe(true);
  });
});
