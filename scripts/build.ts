import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

/**
 * Makes `dist/`: the program as compiled modules beside `dist/proto`, and the sidecar once more as one file, which loads
 * faster and holds less memory than its modules do one by one.
 */
const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');

rmSync(dist, { recursive: true, force: true });
execFileSync(
  process.execPath,
  [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', join(root, 'tsconfig.build.json')],
  { stdio: 'inherit' },
);
cpSync(join(root, 'proto'), join(dist, 'proto'), { recursive: true });
chmodSync(join(dist, 'src', 'main.js'), 0o755);
await build({
  stdin: {
    contents:
      "import { runSidecar } from './sidecar/main.ts';\nprocess.exitCode = await runSidecar(process.argv.slice(2));\n",
    resolveDir: root,
    sourcefile: 'leasehold-sidecar.ts',
    loader: 'ts',
  },
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  // Some packages are CommonJS and ask for built-in modules by require.
  banner: {
    js: "import { createRequire as makeRequire } from 'node:module';\nconst require = makeRequire(import.meta.url);",
  },
  outfile: join(dist, 'leasehold-sidecar.mjs'),
});
process.stdout.write('dist/src/main.js and dist/leasehold-sidecar.mjs are built\n');
