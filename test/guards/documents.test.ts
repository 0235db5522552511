import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadCommandTree } from '../../src/cli/command-tree.ts';
import type { CommandTree } from '../../src/cli/command-tree.ts';
import { flagOf } from '../../src/cli/spec.ts';
import { anchorsOf, commandsIn, linksIn, readDocuments, root } from './documents.ts';

const documents = readDocuments();
const tree = await loadCommandTree();

/** npm's own words, which no script is needed for. */
const npmItself = ['ci', 'install', '--version'];

const scripts = (): readonly string[] => {
  // npm itself refuses a package.json of another shape.
  const { scripts: found } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly scripts: Readonly<Record<string, string>>;
  };
  return Object.keys(found);
};

const wrongWithNpm = (command: string): string | undefined => {
  const [, word = '', next = ''] = command.split(/\s+/);
  if (npmItself.includes(word)) return undefined;
  const script = word === 'run' ? next : word;
  return scripts().includes(script) ? undefined : `there is no script ${script}`;
};

const wrongWithLeasehold = (
  command: string,
  { commands, parts, groups }: CommandTree,
): string | undefined => {
  // Quoted values are anybody's text.
  const words = command
    .replaceAll(/"[^"]*"|'[^']*'/g, 'VALUE')
    .split(/\s+/)
    .slice(1);
  const [first = '', second = ''] = words;
  if (/^[A-Z]/.test(first) || words.every((word) => word.startsWith('-'))) return undefined;
  const found = [...commands, ...parts].find(({ name }) => name === first || name === `${first} ${second}`);
  if (found === undefined)
    return words.length === 1 && first in groups ? undefined : `there is no command ${first} ${second}`;
  const known = [...Object.keys(found.options).map(flagOf), '--help'];
  const strange = words
    .filter((word) => word.startsWith('--'))
    .map((word) => word.split('=')[0] ?? word)
    .filter((flag) => !known.includes(flag));
  return strange.length === 0 ? undefined : `${found.name} has no ${strange.join(', ')}`;
};

const wrongWith = (command: string): string | undefined =>
  command.startsWith('npm ') ? wrongWithNpm(command) : wrongWithLeasehold(command, tree);

describe('every document', () => {
  const commands = documents.flatMap((document) =>
    commandsIn(document).map((command) => ({ path: document.path, command })),
  );

  it('is seen, with its commands and links', () => {
    expect(documents.map(({ path }) => path)).toContain('README.md');
    expect(commands.filter(({ path }) => path === 'README.md').length).toBeGreaterThan(6);
    expect(documents.flatMap(linksIn).length).toBeGreaterThan(20);
  });

  it.each([
    ['npm run nothing', 'there is no script nothing'],
    ['npm nothing', 'there is no script nothing'],
    ['leasehold nothing at all', 'there is no command nothing at'],
    ['leasehold session nothing', 'there is no command session nothing'],
    ['leasehold session list --nothing', 'session list has no --nothing'],
    ['leasehold session list --reason "--all"', 'session list has no --reason'],
  ])('would be told of %s', (command, why) => {
    expect(wrongWith(command)).toBe(why);
  });

  it('names commands, flags and scripts that exist', () => {
    const wrong = commands.flatMap(({ path, command }) => {
      const why = wrongWith(command);
      return why === undefined ? [] : [`${path}: ${command}: ${why}`];
    });
    expect(wrong).toEqual([]);
  });

  it('links to files and headings that exist', () => {
    const byPath = new Map(documents.map((document) => [document.path, document]));
    const broken = documents.flatMap((document) =>
      linksIn(document).flatMap(({ file, anchor }) => {
        if (!existsSync(join(root, file))) return [`${document.path}: ${file}`];
        const target = byPath.get(file);
        const isThere = anchor === undefined || target === undefined || anchorsOf(target).includes(anchor);
        return isThere ? [] : [`${document.path}: ${file}#${anchor}`];
      }),
    );
    expect(broken).toEqual([]);
  });

  it('is reached from the README, except what people look for by name', () => {
    const reached = new Set<string>();
    const visit = (path: string): void => {
      if (reached.has(path)) return;
      reached.add(path);
      const document = documents.find((one) => one.path === path);
      for (const { file } of document === undefined ? [] : linksIn(document)) visit(file);
    };
    visit('README.md');
    const lost = documents.filter(({ path }) => path.startsWith('docs/') && !reached.has(path));
    expect(lost.map(({ path }) => path)).toEqual([]);
  });
});
