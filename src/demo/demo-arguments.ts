/** What `leasehold demo` was asked for. */
export interface DemoArguments {
  /** A job of a Slurm in place of a pod. */
  readonly slurm: boolean;
  readonly backend: 'memory' | 'vault';
  readonly output: 'text' | 'json';
}

/** `--name VALUE` and `--name=VALUE`; undefined is wrong use. Jobs get their secrets from a real backend, and no other. */
export function parseDemoArguments(argv: readonly string[]): DemoArguments | 'help' | undefined {
  let slurm = false;
  let backend: DemoArguments['backend'] | undefined;
  let output: DemoArguments['output'] = 'text';
  for (let index = 0; index < argv.length; index += 1) {
    const [name, inline] = split(argv[index] ?? '');
    if (name === '--help' || name === '-h') return 'help';
    if (name === '--slurm' && inline === undefined) {
      slurm = true;
      continue;
    }
    const value = inline ?? argv[(index += 1)];
    if (name === '--output' && (value === 'text' || value === 'json')) output = value;
    else if (name === '--backend' && (value === 'memory' || value === 'vault')) backend = value;
    else return undefined;
  }
  if (slurm && backend === 'memory') return undefined;
  return { slurm, backend: backend ?? (slurm ? 'vault' : 'memory'), output };
}

function split(argument: string): readonly [name: string, value: string | undefined] {
  const at = argument.indexOf('=');
  return at === -1 ? [argument, undefined] : [argument.slice(0, at), argument.slice(at + 1)];
}
