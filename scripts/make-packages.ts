import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findTool } from '../test/support/tools/find-tool.ts';
import { loadCommandTree } from '../src/cli/command-tree.ts';
import { buildHook } from './build-hook.ts';
import { buildProgram } from './build-program.ts';
import { manPages } from './man-pages.ts';
import { type Architecture, toolchainFor } from './package-architectures.ts';

const root = join(import.meta.dirname, '..');

export type MadePackages =
  | { readonly made: true; readonly files: readonly string[] }
  | { readonly made: false; readonly why: readonly string[] };

/**
 * Makes the .deb and the .rpm of one architecture in the folder, and what they are made of in a folder beside them. The same commit makes the
 * same bytes: every time in them is SOURCE_DATE_EPOCH, or that of the last commit.
 */
export async function makePackages(options: {
  readonly architecture: Architecture;
  readonly folder: string;
}): Promise<MadePackages> {
  const { architecture, folder } = options;
  const toolchain = toolchainFor(architecture);
  const nfpm = findTool('nfpm');
  if ('missing' in toolchain || 'missing' in nfpm)
    return {
      made: false,
      why: [toolchain, nfpm].flatMap((part) => ('missing' in part ? part.missing : [])),
    };
  const build = join(folder, `build-${architecture}`);
  rmSync(build, { recursive: true, force: true });
  await writeManual(join(build, 'man'));
  await buildProgram({ folder: build, node: toolchain.node, strip: toolchain.strip });
  const hook = buildHook({ folder: join(build, 'hook'), compiler: toolchain.compiler });
  if (!hook.built) return { made: false, why: [hook.why] };
  writeCompletion(join(build, 'completion'));
  const files = (['deb', 'rpm'] as const).map((packager) => {
    const file = join(folder, fileName(packager, architecture));
    execFileSync(
      nfpm.path,
      ['package', '--config', 'packaging/nfpm.yaml', '--packager', packager, '--target', file],
      {
        cwd: root,
        // It says what it does, and what is wrong, on standard output.
        stdio: ['ignore', process.stderr.fd, process.stderr.fd],
        env: {
          SOURCE_DATE_EPOCH: process.env['SOURCE_DATE_EPOCH'] ?? lastCommit(),
          LEASEHOLD_ARCH: architecture,
          LEASEHOLD_VERSION: ownVersion(),
          LEASEHOLD_BUILD: build,
        },
      },
    );
    return file;
  });
  return { made: true, files };
}

const rpmNames: Readonly<Record<Architecture, string>> = { amd64: 'x86_64', arm64: 'aarch64' };

function fileName(packager: 'deb' | 'rpm', architecture: Architecture): string {
  return packager === 'deb'
    ? `leasehold_${ownVersion()}_${architecture}.deb`
    : `leasehold-${ownVersion()}.${rpmNames[architecture]}.rpm`;
}

function writeCompletion(folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const shell of ['bash', 'zsh', 'fish'])
    writeFileSync(
      join(folder, shell),
      execFileSync(process.execPath, [join(root, 'src', 'main.ts'), 'completion', shell]),
    );
}

async function writeManual(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of manPages(await loadCommandTree(), ownVersion()))
    writeFileSync(join(folder, name), text);
}

/** Seconds since the Unix epoch; its beginning where there is no history, as in an archive of the sources. */
function lastCommit(): string {
  try {
    return execFileSync('git', ['log', '-1', '--format=%ct'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return '0';
  }
}

function ownVersion(): string {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly version: string;
  };
  return version;
}
