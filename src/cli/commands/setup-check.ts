import { Secret } from '../../platform/secret.ts';
import { counted } from '../confirm.ts';
import { defineCommand } from '../define-command.ts';
import { exitStatus } from '../exit-status.ts';
import { outputOption, print } from '../output.ts';
import { readInput } from '../read-input.ts';
import { configOption, readSetupInput, setupOptions } from '../setup-input.ts';
import { renderTable } from '../table.ts';

const maxTokenBytes = 16_384;

export const setupCheck = defineCommand({
  name: 'setup check',
  summary: 'compare what the secret backend has with what it needs',
  details: [
    'Reads policies, token roles, mounts and the roles behind leased paths with the token of an operator, and changes nothing. An error means that the broker would be refused, or that a promise does not hold; a warning wants a look.',
    'The token is read from a file, never from the command line or the environment, where other processes could see it. The exit status is 1 when there is an error.',
  ],
  arguments: {},
  options: {
    ...configOption,
    tokenFile: { kind: 'text', required: true, value: 'FILE', help: "file with an operator's backend token" },
    ...outputOption,
  },
  examples: ['leasehold setup check --config broker.yaml --token-file ~/.vault-token'],
  run: async ({ options }, world) => {
    const { config, bundles } = await readSetupInput(options.config);
    const { vault, allowLongLeases } = config.backend;
    const token = (await readInput('--token-file', options.tokenFile, maxTokenBytes)).toString('utf8').trim();
    const { checkSetup } = await import('../../backend/setup/check-setup.ts');
    const findings = await checkSetup({
      address: vault.address,
      ...(vault.ca === undefined ? {} : { ca: vault.ca }),
      ...(vault.namespace === undefined ? {} : { namespace: vault.namespace }),
      operatorToken: Secret.ofText(token),
      bundles,
      ...setupOptions(config),
      allowLongLeases,
      clock: world.clock,
      signal: world.interrupted,
    });
    const errors = findings.filter(({ severity }) => severity === 'error').length;
    await print(world, options.output, {
      data: { ok: errors === 0, findings },
      table: ({ isColoured }) =>
        findings.length === 0
          ? ''
          : renderTable({
              head: ['SEVERITY', 'SUBJECT', 'PROBLEM'],
              rows: findings.map(({ severity, subject, problem }) => [
                { text: severity, colour: severity === 'error' ? 'red' : 'yellow' },
                subject,
                problem,
              ]),
              isColoured,
            }),
    });
    const warnings = findings.length - errors;
    world.stdio.err.write(
      findings.length === 0
        ? `all is as printed, for ${counted(bundles.length, 'bundle')}\n`
        : `${counted(errors, 'error')}, ${counted(warnings, 'warning')}\n`,
    );
    return errors === 0 ? exitStatus.done : exitStatus.refused;
  },
});
