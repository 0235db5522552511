import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';

const root = join(import.meta.dirname, '..', '..', '..');

export const readDoc = (path: string): string => readFileSync(join(root, 'docs', path), 'utf8');

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly default?: unknown;
}

/** Every key that a file may have, with its default; `NAME` stands for a key that the site chooses. */
export const schemaKeys = (schema: z.ZodType): ReadonlyMap<string, unknown> => {
  const found = new Map<string, unknown>();
  const walk = (node: SchemaNode, path: string): void => {
    const children = Object.entries(node.properties ?? {});
    for (const [key, child] of children) walk(child, path === '' ? key : `${path}.${key}`);
    const items = node.items?.properties === undefined ? undefined : node.items;
    if (items !== undefined) walk(items, `${path}[]`);
    const named = typeof node.additionalProperties === 'object' ? node.additionalProperties : undefined;
    if (named !== undefined) {
      if (named.properties !== undefined) found.set(`${path}.NAME`, undefined);
      walk(named, `${path}.NAME`);
    }
    if (children.length === 0 && items === undefined && named === undefined) found.set(path, node.default);
  };
  walk(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as SchemaNode, '');
  return found;
};

/** The rows of a document's tables of keys: key and what stands in the column for its default. */
export const documentedKeys = (text: string): ReadonlyMap<string, string> =>
  new Map(
    text.split('\n').flatMap((line) => {
      const [, key, fallback] = /^\| `([A-Za-z0-9.[\]]+)`\s*\|[^|]+\|([^|]*)\|/.exec(line) ?? [];
      return key === undefined ? [] : [[key, (fallback ?? '').trim()] as const];
    }),
  );
