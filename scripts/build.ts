import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { buildHook } from './build-hook.ts';

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
      "import { runSidecar } from './sidecar/main.ts';\nvoid runSidecar(process.argv.slice(2)).then((status) => { process.exitCode = status; });\n",
    resolveDir: root,
    sourcefile: 'leasehold-sidecar.ts',
    loader: 'ts',
  },
  bundle: true,
  platform: 'node',
  // One script and no module loader, without the names that only people read: both are memory in every pod.
  format: 'cjs',
  minify: true,
  target: 'node24',
  define: { 'import.meta.dirname': '__dirname' },
  outfile: join(dist, 'leasehold-sidecar.cjs'),
});
const hook = buildHook({ folder: join(dist, 'hook') });
process.stdout.write('dist/src/main.js and dist/leasehold-sidecar.cjs are built\n');
process.stdout.write(hook.built ? 'dist/hook is built\n' : `dist/hook is NOT built: ${hook.why}\n`);
