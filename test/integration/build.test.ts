import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');
const node = process.execPath;

describe('the built program', () => {
  it('plays the whole demo, and its sidecar is one file that runs', async () => {
    await run(node, [join(root, 'scripts', 'build.ts')], { cwd: root });
    const demo = await run(node, [join(root, 'dist', 'src', 'main.js'), 'demo', '--output', 'json']);
    expect(JSON.parse(demo.stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({ step: 'done', ok: true });
    const sidecar = await run(node, [join(root, 'dist', 'leasehold-sidecar.cjs'), '--check']).catch(
      (error: unknown) => error,
    );
    expect(sidecar).toMatchObject({ code: 2 });
  });
});
