import { findOnPath } from '../src/demo/parts/find-program.ts';
import { nodeForArm64 } from './foreign-node.ts';

/** As Debian and Go call them. */
export const architectures = ['amd64', 'arm64'] as const;
export type Architecture = (typeof architectures)[number];

/** What a package of that architecture is made with. */
export interface Toolchain {
  readonly node: string;
  readonly compiler: string;
  readonly strip: string;
}

const gnuNames: Readonly<Record<Architecture, string>> = {
  amd64: 'x86_64-linux-gnu',
  arm64: 'aarch64-linux-gnu',
};

/** That of the Node that runs this; undefined where there are no packages for it. */
export function ownArchitecture(): Architecture | undefined {
  if (process.platform !== 'linux') return undefined;
  if (process.arch === 'x64') return 'amd64';
  return process.arch === 'arm64' ? 'arm64' : undefined;
}

/** The tools for that architecture, or what this machine lacks. */
export function toolchainFor(
  architecture: Architecture,
): Toolchain | { readonly missing: readonly string[] } {
  const isOwn = architecture === ownArchitecture();
  const gnu = gnuNames[architecture];
  const [cc, stripName] = isOwn ? ['cc', 'strip'] : [`${gnu}-gcc`, `${gnu}-strip`];
  const [compiler, strip] = [findOnPath(cc, process.env), findOnPath(stripName, process.env)];
  if (compiler === undefined || strip === undefined)
    return {
      missing: [
        ...(compiler === undefined
          ? [
              `${cc} is not on PATH (Debian: ${isOwn ? 'gcc, libc6-dev' : `gcc-${gnu}, libc6-dev-${architecture}-cross`})`,
            ]
          : []),
        ...(strip === undefined
          ? [`${stripName} is not on PATH (Debian: binutils${isOwn ? '' : `-${gnu}`})`]
          : []),
      ],
    };
  const node = isOwn ? { path: process.execPath } : nodeFor(architecture);
  return 'missing' in node ? { missing: [node.missing] } : { compiler, strip, node: node.path };
}

function nodeFor(architecture: Architecture): { readonly path: string } | { readonly missing: string } {
  return architecture === 'arm64'
    ? nodeForArm64()
    : { missing: `packages for ${architecture} are made on a machine of that kind` };
}
