import { Argument, Command as Program, CommanderError, Option } from 'commander';
import type { CommandTree } from './command-tree.ts';
import { exitStatus } from './exit-status.ts';
import type { ExitStatus } from './exit-status.ts';
import { flagOf } from './spec.ts';
import type { CommandText, OptionSpec } from './spec.ts';
import type { World } from './world.ts';
import { WrongUse } from './wrong-use.ts';

export interface ProgramOptions {
  readonly tree: CommandTree;
  readonly world: World;
}

/**
 * Reads the command line and runs the command it names. Help goes to standard output with status 0; what commander refuses
 * becomes WrongUse, like every other wrong use.
 */
export async function runProgram(argv: readonly string[], options: ProgramOptions): Promise<ExitStatus> {
  const outcome: { status: ExitStatus } = { status: exitStatus.done };
  const program = buildProgram(options, outcome);
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return exitStatus.done;
    throw wrongUse(error, argv, options.tree);
  }
  return outcome.status;
}

function buildProgram({ tree, world }: ProgramOptions, outcome: { status: ExitStatus }): Program {
  const root = newProgram('leasehold', world);
  root.description('Lends secrets to running workloads, and takes them back with proof.');
  root.addHelpText('after', '\nEvery command explains itself: leasehold COMMAND --help');
  const programs = new Map<string, Program>();
  for (const command of tree.commands) {
    const [first = '', second] = command.name.split(' ');
    let parent = root;
    if (second !== undefined) {
      parent = programs.get(first) ?? newProgram(first, world).description(tree.groups[first] ?? '');
      if (!programs.has(first)) root.addCommand(parent);
      programs.set(first, parent);
    }
    const program = describe(command, newProgram(second ?? first, world));
    parent.addCommand(program);
    // commander calls back with one value for each declared argument, then the options and itself.
    program.action(async (...received: unknown[]) => {
      const args = received.slice(0, Object.keys(command.arguments).length);
      outcome.status = await command.run({ args, options: program.opts<Record<string, unknown>>() }, world);
    });
  }
  for (const part of tree.parts) root.addCommand(describe(part, newProgram(part.name, world)));
  return root;
}

function newProgram(name: string, world: World): Program {
  const { out, err } = world.stdio;
  return (
    new Program(name)
      .exitOverride()
      .showSuggestionAfterError(true)
      .helpOption('-h, --help', 'say what this does')
      // A bare group has nothing to do: its help is the answer, and the status says that nothing was done.
      .helpCommand('help [command]', 'say what a command does')
      .configureOutput({
        writeOut: (text) => out.write(text),
        writeErr: (text) => err.write(text),
        // Worded by `wrongUse`, in one place.
        outputError: () => undefined,
        getOutHasColors: () => false,
        getErrHasColors: () => false,
      })
      .configureHelp({ showGlobalOptions: false, helpWidth: 100 })
  );
}

function describe(command: CommandText, program: Program): Program {
  program
    .helpCommand(false)
    .summary(command.summary)
    .description([sentence(command.summary), ...command.details].join('\n\n'));
  for (const [key, spec] of Object.entries(command.arguments)) {
    const argument = new Argument(`<${key.toUpperCase()}${spec.repeat === true ? '...' : ''}>`, spec.help);
    if (spec.choices !== undefined) argument.choices(spec.choices);
    program.addArgument(argument);
  }
  for (const [key, spec] of Object.entries(command.options)) program.addOption(buildOption(key, spec));
  return program.addHelpText(
    'after',
    `\nExamples:\n${command.examples.map((line) => `  $ ${line}`).join('\n')}`,
  );
}

function buildOption(key: string, spec: OptionSpec): Option {
  const flag = flagOf(key);
  const value = spec.kind === 'switch' ? '' : ` <${spec.value}>`;
  const note = spec.kind === 'duration' ? ` (default: ${spec.default})` : '';
  const short = spec.short === undefined ? '' : `-${spec.short}, `;
  const option = new Option(`${short}${flag}${value}`, spec.help + note);
  if (spec.kind === 'choice') option.choices(spec.choices);
  if (spec.kind === 'list') {
    option.argParser((given: string, before: readonly string[] | undefined) => [...(before ?? []), given]);
  }
  return option.helpGroup(`${spec.group ?? 'Options'}:`);
}

function sentence(summary: string): string {
  return `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
}

/** commander's words in our form: lower case, no `error:`, and a hint that says where to look. */
function wrongUse(error: CommanderError, argv: readonly string[], tree: CommandTree): WrongUse {
  const path = commandPath(argv, tree);
  const help = `leasehold ${[...path, '--help'].join(' ')}`;
  if (error.code === 'commander.help' || error.code === 'commander.helpDisplayed') {
    return new WrongUse(path.length === 0 ? 'no command given' : `${path.join(' ')} needs a command`);
  }
  const [first = '', ...rest] = error.message.replace(/^error: /, '').split('\n');
  const suggestion = rest
    .join(' ')
    .replace(/^\(|\)$/g, '')
    .replace(/^Did you mean/, 'did you mean');
  const selectors = 'selectors are flags, for example --pod NAMESPACE/NAME or --session ID; ';
  const isStraySelector =
    error.code === 'commander.excessArguments' && /^(revoke|rotate|session list)/.test(path.join(' '));
  const hints = [suggestion, `${isStraySelector ? selectors : ''}see ${help}`].filter((hint) => hint !== '');
  return new WrongUse(first.replace(/\.$/, ''), hints.join('\n'));
}

/** The words of the command line that name a command, as far as they do. */
function commandPath(argv: readonly string[], tree: CommandTree): readonly string[] {
  const [first = '', second = ''] = argv;
  const names = [...tree.commands, ...tree.parts].map((command) => command.name);
  if (names.includes(`${first} ${second}`)) return [first, second];
  return names.some((name) => name === first || name.startsWith(`${first} `)) ? [first] : [];
}
