import { escapeQuoted, isPrintable } from './printable.ts';
import type { ChoiceOption } from './spec.ts';
import type { Sink } from './stdio.ts';
import { timeText } from './time-text.ts';
import type { TimeText } from './time-text.ts';
import type { World } from './world.ts';

export const outputFormats = ['table', 'json', 'yaml'] as const;

export type OutputFormat = (typeof outputFormats)[number];

export const outputOption = {
  output: {
    kind: 'choice',
    short: 'o',
    value: 'FORMAT',
    help: 'how to print: table, json or yaml',
    choices: outputFormats,
    default: 'table',
  },
} as const satisfies Record<string, ChoiceOption>;

/** How text for people is written on one sink. */
export interface Look {
  readonly time: TimeText;
  readonly isColoured: boolean;
}

/** Colour needs a terminal that can, and nobody who asked for none. */
export function lookOf(sink: Sink, world: World): Look {
  const refused = (world.env['NO_COLOR'] ?? '') !== '' || world.env['TERM'] === 'dumb';
  return {
    time: timeText({ isTerminal: sink.isTerminal, now: world.clock.now() }),
    isColoured: sink.isTerminal && !refused,
  };
}

/** Data for programs and the same for people. */
export interface Shown {
  /** JSON-safe: no undefined, instants as RFC 3339. Its keys are documented in docs/cli.md. */
  readonly data: unknown;
  readonly table: (look: Look) => string;
}

/** Prints one answer on standard output. */
export async function print(world: World, format: OutputFormat, shown: Shown): Promise<void> {
  const { out } = world.stdio;
  switch (format) {
    case 'table':
      out.write(shown.table(lookOf(out, world)));
      return;
    case 'json':
      out.write(`${toJson(shown.data, 2)}\n`);
      return;
    case 'yaml':
      out.write(await toYaml(shown.data));
  }
}

/** Prints one of a stream of answers: a line of JSON, a YAML document of its own, or rows as they come. */
export async function printNext(world: World, format: OutputFormat, shown: Shown): Promise<void> {
  if (format === 'json') {
    world.stdio.out.write(`${toJson(shown.data, 0)}\n`);
    return;
  }
  if (format === 'yaml') world.stdio.out.write('---\n');
  await print(world, format, shown);
}

export function toJson(data: unknown, indent: number): string {
  return escapeQuoted(JSON.stringify(data, undefined, indent));
}

export async function toYaml(data: unknown): Promise<string> {
  const { Document, Scalar, visit } = await import('yaml');
  const document = new Document(data, { aliasDuplicateObjects: false });
  visit(document, {
    Scalar: (_key, node) => {
      // Only double quotes have escapes, so whatever needs one is put into them; lines alone may stay a block.
      const isSafe = typeof node.value !== 'string' || isPrintable(node.value.replaceAll('\n', ''));
      if (!isSafe) node.type = Scalar.QUOTE_DOUBLE;
    },
  });
  return escapeQuoted(document.toString({ lineWidth: 0 }));
}
