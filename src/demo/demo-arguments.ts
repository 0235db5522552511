/** What `leasehold demo` was asked for. */
export interface DemoArguments {
  readonly backend: 'memory' | 'vault';
  readonly output: 'text' | 'json';
}

/** `--name VALUE` and `--name=VALUE`; undefined is wrong use. */
export function parseDemoArguments(argv: readonly string[]): DemoArguments | 'help' | undefined {
  let backend: DemoArguments['backend'] = 'memory';
  let output: DemoArguments['output'] = 'text';
  for (let index = 0; index < argv.length; index += 1) {
    const [name, inline] = split(argv[index] ?? '');
    if (name === '--help' || name === '-h') return 'help';
    const value = inline ?? argv[(index += 1)];
    if (name === '--output' && (value === 'text' || value === 'json')) output = value;
    else if (name === '--backend' && (value === 'memory' || value === 'vault')) backend = value;
    else return undefined;
  }
  return { backend, output };
}

function split(argument: string): readonly [name: string, value: string | undefined] {
  const at = argument.indexOf('=');
  return at === -1 ? [argument, undefined] : [argument.slice(0, at), argument.slice(at + 1)];
}
