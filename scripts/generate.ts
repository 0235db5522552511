import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

/**
 * Writes the TypeScript types of `proto/` to `src/rpc/gen`, or with `--check` fails when they differ.
 * The options are those of `src/rpc/proto.ts`, so that types and run time cannot disagree.
 */
const root = join(import.meta.dirname, '..');
const target = join(root, 'src', 'rpc', 'gen');
const check = process.argv.includes('--check');
const out = check ? mkdtempSync(join(tmpdir(), 'leasehold-gen-')) : target;

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(folder, path)).isFile())
    .sort();
}

try {
  if (!check) rmSync(target, { recursive: true, force: true });
  execFileSync(
    join(root, 'node_modules', '.bin', 'proto-loader-gen-types'),
    [
      '--longs=Number',
      '--enums=String',
      '--defaults',
      '--oneofs',
      '--arrays',
      '--objects',
      '--includeComments',
      '--grpcLib=@grpc/grpc-js',
      '--importFileExtension=.ts',
      // An array option: anything but another option after it would be taken as one more folder.
      `--includeDirs=${join(root, 'proto')}`,
      `--outDir=${out}`,
      'leasehold/v1/workload.proto',
      'leasehold/v1/admin.proto',
      'leasehold/v1/run.proto',
      'leasehold/v1/node.proto',
    ],
    { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const fresh = filesBelow(out);
  for (const path of fresh) {
    // The generator writes absolute paths; the same input must give the same bytes in every checkout.
    const text = readFileSync(join(out, path), 'utf8');
    writeFileSync(join(out, path), text.replaceAll(`${root}/`, ''));
  }
  if (check) {
    const stale = fresh
      .filter((path) => {
        try {
          return readFileSync(join(out, path), 'utf8') !== readFileSync(join(target, path), 'utf8');
        } catch {
          return true;
        }
      })
      .concat(filesBelow(target).filter((path) => !fresh.includes(path)));
    if (stale.length > 0) {
      process.stderr.write(
        `generated files differ from proto/, run npm run gen:\n${stale.map((path) => `  ${relative(root, join(target, path))}\n`).join('')}`,
      );
      process.exitCode = 1;
    }
  }
} finally {
  if (check) rmSync(out, { recursive: true, force: true });
}
