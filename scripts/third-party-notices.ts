import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The licences of everything that went into a bundle, by the files that did, and of Node itself. */
export function thirdPartyNotices(options: {
  readonly root: string;
  /** Paths from the root. */
  readonly inputs: readonly string[];
}): string {
  const folders = new Set(
    options.inputs.flatMap((path) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []),
  );
  const node = `Node.js ${process.versions.node}: https://github.com/nodejs/node/blob/v${process.versions.node}/LICENSE`;
  return [node, ...[...folders].sort().map((folder) => noticeOf(join(options.root, folder)))].join(
    `\n\n${'-'.repeat(80)}\n\n`,
  );
}

function noticeOf(folder: string): string {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    readonly name?: string;
    readonly version?: string;
    readonly license?: string;
  };
  const texts = globSync('{LICEN[CS]E,licen[cs]e,NOTICE}*', { cwd: folder })
    .sort()
    .map((name) => join(folder, name))
    .filter((path) => existsSync(path))
    .map((path) => readFileSync(path, 'utf8').trim());
  const head = `${manifest.name ?? folder} ${manifest.version ?? ''} (${manifest.license ?? 'see its own files'})`;
  return [head, ...texts].join('\n\n');
}
