import type { ExitStatus } from './exit-status.ts';
import type { World } from './world.ts';

/** Under which heading `--help` and the manual show an option. */
export type OptionGroup = 'Options' | 'Selectors' | 'Connection';

interface OptionBase {
  readonly help: string;
  readonly group?: OptionGroup;
  /** One letter. */
  readonly short?: string;
}

/** `--flag` */
export interface SwitchOption extends OptionBase {
  readonly kind: 'switch';
}

/** `--flag VALUE`. An empty value is refused: it is nearly always an unset shell variable, and would widen a selector. */
export interface TextOption extends OptionBase {
  readonly kind: 'text';
  readonly value: string;
  readonly required?: boolean;
}

/** `--flag VALUE`, any number of times. */
export interface ListOption extends OptionBase {
  readonly kind: 'list';
  readonly value: string;
}

/** `--flag one|other` */
export interface ChoiceOption extends OptionBase {
  readonly kind: 'choice';
  readonly value: string;
  readonly choices: readonly string[];
  readonly default: string;
}

/** `--flag 90s`; the command gets milliseconds. */
export interface DurationOption extends OptionBase {
  readonly kind: 'duration';
  readonly value: string;
  readonly default: string;
}

export type OptionSpec = SwitchOption | TextOption | ListOption | ChoiceOption | DurationOption;

/** Keys in camel case; the flag is the same in kebab case. */
export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

export interface ArgumentSpec {
  readonly help: string;
  /** One or more. */
  readonly repeat?: boolean;
  readonly choices?: readonly string[];
}

export type ArgumentSpecs = Readonly<Record<string, ArgumentSpec>>;

export type OptionValue<O extends OptionSpec> = O extends SwitchOption
  ? boolean
  : O extends ListOption
    ? readonly string[]
    : O extends DurationOption
      ? number
      : O extends ChoiceOption
        ? O['choices'][number]
        : O extends { readonly required: true }
          ? string
          : string | undefined;

export type OptionValues<O extends OptionSpecs> = { readonly [K in keyof O]: OptionValue<O[K]> };

export type ArgumentValues<A extends ArgumentSpecs> = {
  readonly [K in keyof A]: A[K] extends { readonly repeat: true }
    ? readonly string[]
    : A[K] extends { readonly choices: readonly (infer C)[] }
      ? C
      : string;
};

/** What is said about a command in help, manual and completion. */
export interface CommandText<A extends ArgumentSpecs = ArgumentSpecs, O extends OptionSpecs = OptionSpecs> {
  /** For example `session list`. */
  readonly name: string;
  /** One line, no full stop. */
  readonly summary: string;
  /** Paragraphs for `--help`. */
  readonly details: readonly string[];
  readonly arguments: A;
  readonly options: O;
  /** Whole command lines, at least one. */
  readonly examples: readonly [string, ...(readonly string[])];
}

export interface CommandInput<A extends ArgumentSpecs, O extends OptionSpecs> {
  readonly args: ArgumentValues<A>;
  readonly options: OptionValues<O>;
}

/** A command whose values were checked against its own specification, seen from outside. */
export interface Command extends CommandText {
  run(
    raw: { readonly args: readonly unknown[]; readonly options: Readonly<Record<string, unknown>> },
    world: World,
  ): Promise<ExitStatus>;
}

export interface CommandDefinition<A extends ArgumentSpecs, O extends OptionSpecs> extends CommandText<A, O> {
  run(input: CommandInput<A, O>, world: World): Promise<ExitStatus>;
}

export function flagOf(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
