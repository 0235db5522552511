import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadCommandTree } from '../src/cli/command-tree.ts';
import type { CommandTree } from '../src/cli/command-tree.ts';
import { flagOf } from '../src/cli/spec.ts';
import type { CommandText, OptionGroup, OptionSpec } from '../src/cli/spec.ts';

const begin = '<!-- Written by scripts/write-cli-manual.ts from here -->';
const end = '<!-- to here -->';

const groupOrder: readonly OptionGroup[] = ['Options', 'Selectors', 'Connection'];

/** The manual with its command reference as the commands themselves say it. Throws when the marks are missing. */
export function withReference(manual: string, tree: CommandTree): string {
  const from = manual.indexOf(begin);
  const to = manual.indexOf(end);
  if (from === -1 || to < from) throw new Error('docs/cli.md has lost its marks');
  return `${manual.slice(0, from)}${begin}\n\n${reference(tree)}\n${manual.slice(to)}`;
}

function reference(tree: CommandTree): string {
  return [...tree.commands, ...tree.parts].map(section).join('\n');
}

function section(command: CommandText): string {
  const options = Object.entries(command.options);
  const args = Object.entries(command.arguments);
  const blocks = [
    `### leasehold ${command.name}`,
    `${command.summary.charAt(0).toUpperCase()}${command.summary.slice(1)}.`,
    ['```', synopsis(command), '```'].join('\n'),
    ...command.details,
    ...(args.length === 0
      ? []
      : [args.map(([name, spec]) => `- \`${name.toUpperCase()}\`: ${spec.help}`).join('\n')]),
    ...groupOrder.flatMap((group) => {
      const members = options.filter(([, spec]) => (spec.group ?? 'Options') === group);
      if (members.length === 0) return [];
      // Said once, at the top of the manual.
      if (group === 'Connection') return ['Connection: see [Reaching the broker](#reaching-the-broker).'];
      return [`${group}:`, members.map(([key, spec]) => optionLine(key, spec)).join('\n')];
    }),
    ['```sh', ...command.examples, '```'].join('\n'),
  ];
  return `${blocks.join('\n\n')}\n`;
}

function synopsis(command: CommandText): string {
  const required = Object.entries(command.options).flatMap(([key, spec]) => {
    return spec.kind === 'text' && spec.required === true ? [`${flagOf(key)} ${spec.value}`] : [];
  });
  const args = Object.entries(command.arguments).map(([name, spec]) => {
    return name.toUpperCase() + (spec.repeat === true ? '...' : '');
  });
  const hasMore = Object.keys(command.options).length > required.length;
  return ['leasehold', command.name, ...args, ...required, ...(hasMore ? ['[options]'] : [])].join(' ');
}

function optionLine(key: string, spec: OptionSpec): string {
  const short = spec.short === undefined ? '' : `\`-${spec.short}\`, `;
  const value = spec.kind === 'switch' ? '' : ` ${spec.value}`;
  const fallback = spec.kind === 'duration' || spec.kind === 'choice' ? ` (default: ${spec.default})` : '';
  const required = spec.kind === 'text' && spec.required === true ? ' (required)' : '';
  return `- ${short}\`${flagOf(key)}${value}\`: ${spec.help}${fallback}${required}`;
}

if (import.meta.main) {
  const file = join(import.meta.dirname, '..', 'docs', 'cli.md');
  const manual = readFileSync(file, 'utf8');
  writeFileSync(file, withReference(manual, await loadCommandTree()));
}
