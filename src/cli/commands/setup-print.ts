import { defineCommand } from '../define-command.ts';
import { exitStatus } from '../exit-status.ts';
import { outputOption, print } from '../output.ts';
import { configOption, readSetupInput, setupOptions } from '../setup-input.ts';

export const setupPrint = defineCommand({
  name: 'setup print',
  summary: 'print the policies and token roles that the secret backend needs',
  details: [
    'Prints commands for `vault` (or `bao`) to standard output: the policy of the broker itself, and for each bundle a token role and a policy that can read its secrets and nothing else; with `nodes.enrolment`, the role that certifies compute nodes too. Nothing is changed; read them, then run them as an operator.',
    'As JSON or YAML: the same as data.',
  ],
  arguments: {},
  options: { ...configOption, ...outputOption },
  examples: [
    'leasehold setup print --config broker.yaml',
    'leasehold setup print --config broker.yaml > setup.sh',
  ],
  run: async ({ options }, world) => {
    const { config, bundles } = await readSetupInput(options.config);
    const { setupDocument } = await import('../../backend/setup/setup-document.ts');
    const { printSetup } = await import('../../backend/setup/print-setup.ts');
    const input = { bundles, ...setupOptions(config) };
    await print(world, options.output, { data: setupDocument(input), table: () => printSetup(input) });
    return exitStatus.done;
  },
});
