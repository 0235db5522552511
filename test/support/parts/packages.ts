import { ownArchitecture, toolchainFor } from '../../../scripts/package-architectures.ts';
import { findOnPath } from '../../../src/demo/parts/find-program.ts';
import { findTool } from '../tools/find-tool.ts';

/** Why no package can be made, installed and tried on this machine; empty where one can. */
export const missingForPackages = (): readonly string[] => {
  const architecture = ownArchitecture();
  if (architecture === undefined) return ['there are no packages for this architecture'];
  return [
    ...[toolchainFor(architecture), findTool('nfpm')].flatMap((part) =>
      'missing' in part ? part.missing : [],
    ),
    ...['dpkg', 'dpkg-deb']
      .filter((name) => findOnPath(name, process.env) === undefined)
      .map((name) => `${name} is not on PATH`),
    ...(process.getuid?.() === 0 ? [] : ['dpkg and the node agent need root']),
  ];
};
