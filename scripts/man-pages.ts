import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandTree } from '../src/cli/command-tree.ts';
import { type CommandText, flagOf, type OptionSpec } from '../src/cli/spec.ts';

const docs = join(import.meta.dirname, '..', 'docs');

/** Programs that administrators start, each with a page of its own beside that of all commands. */
const daemons = ['broker', 'node-agent', 'signer'] as const;

/** Where the keys of each configuration file are told: a document, and the heading that they stand under. */
const files = [
  {
    name: 'broker',
    path: '/etc/leasehold/broker/broker.yaml',
    document: 'configuration.md',
    heading: '',
  },
  {
    name: 'node-agent',
    path: '/etc/leasehold/node-agent.yaml',
    document: 'node-agent.md',
    heading: '\n## Configuration\n',
  },
  {
    name: 'signer',
    path: '/etc/leasehold/signer.yaml',
    document: 'slurm.md',
    heading: '\n## The controller\n',
  },
] as const;

/** Manual pages by file name, as the commands themselves and the documents say it. They hold no date: the same sources make the same bytes. */
export function manPages(tree: CommandTree, version: string): ReadonlyMap<string, string> {
  const title = (name: string, section: number) =>
    `.TH "${name.toUpperCase()}" ${section} "" "leasehold ${version}"`;
  const whole = [...tree.commands, ...tree.parts];
  const pages = new Map([
    [
      'leasehold.1',
      [
        title('leasehold', 1),
        ...name('leasehold', 'lends secrets to running workloads'),
        '.SH SYNOPSIS',
        '.B leasehold\n.I command\n[options]',
        '.SH COMMANDS',
        ...whole.flatMap((command) => [`.SS leasehold ${roff(command.name)}`, ...body(command)]),
        ...seeAlso(daemons.map((part) => `leasehold-${part}(8)`)),
      ],
    ],
  ]);
  for (const part of daemons) {
    const command = tree.parts.find((one) => one.name === part);
    if (command === undefined) throw new Error(`there is no leasehold ${part}`);
    pages.set(`leasehold-${part}.8`, [
      title(`leasehold-${part}`, 8),
      ...name(`leasehold-${part}`, command.summary),
      '.SH DESCRIPTION',
      ...body(command),
      ...seeAlso(['leasehold(1)', `leasehold-${part}.yaml(5)`]),
    ]);
  }
  for (const file of files)
    pages.set(`leasehold-${file.name}.yaml.5`, [
      title(`leasehold-${file.name}.yaml`, 5),
      ...name(`leasehold-${file.name}.yaml`, `configuration of leasehold ${file.name}`),
      '.SH DESCRIPTION',
      roff(`YAML, by convention ${file.path}. Unknown keys and double keys are refused.`),
      '.SH KEYS',
      ...keysOf(file),
      '.SH EXAMPLE',
      '.nf',
      roff(readFileSync(join(docs, 'examples', `${file.name}.yaml`), 'utf8').trimEnd()),
      '.fi',
      ...seeAlso([`leasehold-${file.name}(8)`]),
    ]);
  return new Map([...pages].map(([file, lines]) => [file, `${lines.join('\n')}\n`]));
}

/** Nothing of a text is taken for a request or an escape. */
const roff = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll(/^(?=[.'])/gm, '\\&');

const name = (page: string, summary: string) => ['.SH NAME', `${roff(page)} \\- ${roff(summary)}`];
const seeAlso = (pages: readonly string[]) => ['.SH SEE ALSO', roff(pages.join(', '))];

function body(command: CommandText): readonly string[] {
  const summary = `${command.summary.charAt(0).toUpperCase()}${command.summary.slice(1)}.`;
  return [
    roff(summary),
    ...command.details.flatMap((text) => ['.PP', roff(text.replaceAll('`', ''))]),
    ...Object.entries(command.arguments).flatMap(([key, { help }]) => entry(key.toUpperCase(), help)),
    ...Object.entries(command.options).flatMap(([key, spec]) => entry(optionOf(key, spec), helpOf(spec))),
    '.PP',
    'Examples:',
    '.PP',
    '.nf',
    ...command.examples.map(roff),
    '.fi',
  ];
}

const entry = (key: string, text: string) => [
  '.TP',
  `.B "${roff(key).replaceAll('"', '\\(dq')}"`,
  roff(text.replaceAll('`', '')),
];

const optionOf = (key: string, spec: OptionSpec): string =>
  [
    ...(spec.short === undefined ? [] : [`-${spec.short}`]),
    spec.kind === 'switch' ? flagOf(key) : `${flagOf(key)} ${spec.value}`,
  ].join(', ');

const helpOf = (spec: OptionSpec): string =>
  'default' in spec ? `${spec.help} (default: ${spec.default})` : spec.help;

/** Rows of the tables whose first column is a key. */
function keysOf({ document, heading }: (typeof files)[number]): readonly string[] {
  const text = readFileSync(join(docs, document), 'utf8');
  const from = heading === '' ? 0 : text.indexOf(heading);
  if (from === -1) throw new Error(`${document} has lost its heading`);
  const next = heading === '' ? -1 : text.indexOf('\n## ', from + heading.length);
  const rows = text.slice(from, next === -1 ? text.length : next).matchAll(/^\| `([^`]+)` +\|(.+)\|$/gm);
  return [...rows].flatMap(([, key = '', columns = '']) => {
    const told = columns
      .split(/(?<!\\)\|/)
      .map((column) => column.trim().replaceAll(/\[([^\]]+)\]\([^)]+\)/g, '$1'))
      .filter((column) => column !== '');
    return entry(key, told.join('. '));
  });
}
