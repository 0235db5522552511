import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { connectionKeys, isConnectionKey } from './connection-options.ts';
import type { ConnectionKey } from './connection-options.ts';
import { WrongUse } from './wrong-use.ts';
import type { World } from './world.ts';

export type ConnectionConfig = Readonly<Partial<Record<ConnectionKey, string>>>;

const pathKeys: ReadonlySet<ConnectionKey> = new Set(['ca', 'cert', 'key']);

/** `${XDG_CONFIG_HOME:-~/.config}/leasehold/cli.yaml`; a relative XDG_CONFIG_HOME is ignored, as its rule says. */
export function configFilePath(world: Pick<World, 'env' | 'homeFolder'>): string {
  const base = world.env['XDG_CONFIG_HOME'] ?? '';
  return join(isAbsolute(base) ? base : join(world.homeFolder, '.config'), 'leasehold', 'cli.yaml');
}

/** What the file says; nothing when there is none. Throws WrongUse that names the file, the key and the rule. */
export async function readConfigFile(path: string): Promise<ConnectionConfig> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return {};
    throw new WrongUse(`${path} cannot be read`);
  }
  return parseConfig(text, path);
}

/** Relative paths in the file start at its folder. */
export async function parseConfig(text: string, path: string): Promise<ConnectionConfig> {
  const { parseDocument } = await import('yaml');
  // `schema: core` has no tags that make objects; an alias can only repeat a scalar here, and deep nesting is refused below.
  const document = parseDocument(text, { schema: 'core', logLevel: 'silent' });
  if (document.errors.length > 0) throw new WrongUse(`${path} is not well-formed YAML`);
  const parsed: unknown = toValue(() => document.toJS({ maxAliasCount: 0 }), path);
  if (parsed === null || parsed === undefined) return {};
  if (typeof parsed !== 'object' || Array.isArray(parsed))
    throw new WrongUse(`${path} must hold keys and values`);
  const config: Partial<Record<ConnectionKey, string>> = {};
  for (const [key, value] of Object.entries(parsed)) {
    if (!isConnectionKey(key)) {
      throw new WrongUse(`${path} has a key that is not known`, `it may have: ${connectionKeys.join(', ')}`);
    }
    if (typeof value !== 'string' || value.trim() === '') throw new WrongUse(`${path}: ${key} must be text`);
    config[key] = pathKeys.has(key) ? resolve(dirname(path), value) : value;
  }
  return config;
}

function toValue(read: () => unknown, path: string): unknown {
  try {
    return read();
  } catch {
    throw new WrongUse(`${path} may not use aliases`);
  }
}
