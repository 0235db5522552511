import type { CommandTree } from '../command-tree.ts';
import { flagOf } from '../spec.ts';
import type { CommandText, OptionSpec } from '../spec.ts';

/** What a shell can offer after some words. */
export interface CompletionNode {
  /** Words after `leasehold`, for example `session list`; empty for the program itself. */
  readonly path: string;
  readonly words: readonly CompletionWord[];
  readonly flags: readonly CompletionFlag[];
  /** True when an argument is a file. */
  readonly takesFiles: boolean;
}

export interface CompletionWord {
  readonly word: string;
  readonly help: string;
}

export interface CompletionFlag {
  readonly flag: string;
  readonly short: string | undefined;
  readonly help: string;
  readonly value: FlagValue;
}

/** `none`: a switch. `any`: a value that no shell can guess. */
export type FlagValue = 'none' | 'any' | 'file' | readonly string[];

/** One node for the program, each group and each command. */
export function completionTree(tree: CommandTree): readonly CompletionNode[] {
  const all: readonly CommandText[] = [...tree.commands, ...tree.parts];
  const topWords = all
    .filter(({ name }) => !name.includes(' '))
    .map(({ name, summary }) => ({ word: name, help: summary }));
  const groupWords = Object.entries(tree.groups).map(([word, help]) => ({ word, help }));
  const root = { path: '', words: [...groupWords, ...topWords], flags: [], takesFiles: false };
  const groups = Object.keys(tree.groups).map((group) => ({
    path: group,
    words: all
      .filter(({ name }) => name.startsWith(`${group} `))
      .map(({ name, summary }) => ({ word: name.slice(group.length + 1), help: summary })),
    flags: [],
    takesFiles: false,
  }));
  return [root, ...groups, ...all.map(commandNode)];
}

function commandNode(command: CommandText): CompletionNode {
  const choices = Object.values(command.arguments).flatMap(({ choices = [] }) => choices);
  return {
    path: command.name,
    words: choices.map((word) => ({ word, help: '' })),
    flags: [
      ...Object.entries(command.options).map(([key, spec]) => ({
        flag: flagOf(key),
        short: spec.short === undefined ? undefined : `-${spec.short}`,
        help: spec.help,
        value: valueOf(spec),
      })),
      { flag: '--help', short: '-h', help: 'say what this does', value: 'none' },
    ],
    takesFiles: 'file' in command.arguments,
  };
}

function valueOf(spec: OptionSpec): FlagValue {
  if (spec.kind === 'switch') return 'none';
  if (spec.kind === 'choice') return spec.choices;
  return spec.value === 'FILE' ? 'file' : 'any';
}
