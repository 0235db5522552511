import { dirname, isAbsolute, join, resolve } from 'node:path';
import { existsSync } from 'node:fs';
import { LeaseholdError } from '../platform/error.ts';
import { connectionKeys } from './connection-options.ts';
import type { ConnectionKey } from './connection-options.ts';
import { WrongUse } from './wrong-use.ts';
import type { World } from './world.ts';

export type ConnectionConfig = Readonly<Partial<Record<ConnectionKey, string>>>;

const pathKeys: ReadonlySet<ConnectionKey> = new Set(['ca', 'cert', 'key']);
const maxBytes = 65_536;

/** `${XDG_CONFIG_HOME:-~/.config}/leasehold/cli.yaml`; a relative XDG_CONFIG_HOME is ignored, as its rule says. */
export function configFilePath(world: Pick<World, 'env' | 'homeFolder'>): string {
  const base = world.env['XDG_CONFIG_HOME'] ?? '';
  return join(isAbsolute(base) ? base : join(world.homeFolder, '.config'), 'leasehold', 'cli.yaml');
}

/** What the file says; nothing when there is none. Throws WrongUse that names the file, the key and the rule. */
export async function readConfigFile(path: string): Promise<ConnectionConfig> {
  if (!existsSync(path)) return {};
  const { readSmallFile } = await import('../platform/small-file.ts');
  try {
    return await parseConfig((await readSmallFile(path, { maxBytes })).toString('utf8'), path);
  } catch (error) {
    if (error instanceof LeaseholdError) throw new WrongUse(error.detail ?? error.message);
    throw error;
  }
}

/** Relative paths in the file start at its folder. The libraries are loaded only for those who have such a file. */
export async function parseConfig(text: string, path: string): Promise<ConnectionConfig> {
  const [z, { readYamlDocument }] = await Promise.all([
    import('zod'),
    import('../platform/yaml-document.ts'),
  ]);
  const value = z.string().min(1, { error: 'must not be empty' }).optional();
  const schema = z.strictObject({ broker: value, ca: value, cert: value, key: value, serverName: value });
  // A file with nothing but comments says nothing.
  const isBlank = text.split('\n').every((line) => /^\s*(#.*)?$/.test(line));
  if (isBlank) return {};
  const outcome = readYamlDocument({ text, schema });
  if (!outcome.ok) throw new WrongUse(`${path}: ${outcome.problems.join('; ')}`);
  const config: Partial<Record<ConnectionKey, string>> = {};
  for (const key of connectionKeys) {
    const given = outcome.value[key];
    if (given !== undefined) config[key] = pathKeys.has(key) ? resolve(dirname(path), given) : given;
  }
  return config;
}
