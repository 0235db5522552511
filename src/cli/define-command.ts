import { durationOf } from './duration.ts';
import { flagOf } from './spec.ts';
import type {
  ArgumentSpecs,
  ArgumentValues,
  Command,
  CommandDefinition,
  OptionSpec,
  OptionSpecs,
  OptionValues,
} from './spec.ts';
import { WrongUse } from './wrong-use.ts';

/** Ties a command's code to its specification, so that what it reads is what was declared. */
export function defineCommand<const A extends ArgumentSpecs, const O extends OptionSpecs>(
  definition: CommandDefinition<A, O>,
): Command {
  return {
    ...definition,
    run: (raw, world) =>
      definition.run(
        {
          // Proven edge: both objects are filled key by key from the specification that the types are made of.
          args: readArguments(definition.arguments, raw.args) as ArgumentValues<A>,
          options: readOptions(definition.options, raw.options) as OptionValues<O>,
        },
        world,
      ),
  };
}

function readArguments(specs: ArgumentSpecs, given: readonly unknown[]): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(specs).map(([name, spec], position) => {
      const values = [given[position]].flat().map((value) => nonEmpty(name.toUpperCase(), value));
      return [name, spec.repeat === true ? values : (values[0] ?? '')];
    }),
  );
}

function readOptions(specs: OptionSpecs, given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(specs).map(([key, spec]) => [key, readOption(flagOf(key), spec, given[key])]),
  );
}

function readOption(flag: string, spec: OptionSpec, given: unknown): unknown {
  switch (spec.kind) {
    case 'switch':
      return given === true;
    case 'list':
      return Array.isArray(given) ? given.map((value) => nonEmpty(flag, value)) : [];
    case 'duration':
      return durationOf(flag, given === undefined ? spec.default : nonEmpty(flag, given));
    case 'choice':
      return given === undefined ? spec.default : given;
    case 'text':
      if (given !== undefined) return nonEmpty(flag, given);
      if (spec.required !== true) return undefined;
      throw new WrongUse(`${flag} is missing`, `add ${flag} ${spec.value}`);
  }
}

function nonEmpty(name: string, value: unknown): string {
  if (typeof value !== 'string' || value.trim() === '') {
    throw new WrongUse(`${name} is empty`, 'give it a value or leave it out');
  }
  return value;
}
