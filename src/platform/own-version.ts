import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ownAsset } from './own-asset.ts';

/** The version in the nearest package.json above this file, which the built program has in another place than the sources. */
export function ownVersion(): string {
  return versionIn(ownAsset('package.json') ?? nearestManifest()) ?? 'unknown';
}

function nearestManifest(): string | undefined {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (existsSync(file)) return readFileSync(file, 'utf8');
  }
  return undefined;
}

function versionIn(manifest: string | undefined): string | undefined {
  if (manifest === undefined) return undefined;
  const parsed: unknown = JSON.parse(manifest);
  if (typeof parsed !== 'object' || parsed === null || !('version' in parsed)) return undefined;
  return typeof parsed.version === 'string' ? parsed.version : undefined;
}
