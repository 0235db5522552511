import { resolve } from 'node:path';
import { defineCommand } from '../define-command.ts';
import { exitStatus } from '../exit-status.ts';
import { outputOption, print } from '../output.ts';
import { WrongUse } from '../wrong-use.ts';

export const ledgerMigrate = defineCommand({
  name: 'ledger migrate',
  summary: "bring the ledger's schema in PostgreSQL to this version",
  details: [
    'For sites where the role of the brokers may not change the schema. Logs in as the role that owns it, makes or updates the schema that broker.yaml names, and lets the role of the brokers read and write its rows. Run it before the brokers are updated; older ones go on working on the newer schema. Any number of times.',
    'A broker whose role owns the schema does this by itself when it starts.',
  ],
  arguments: {},
  options: {
    config: { kind: 'text', required: true, value: 'FILE', help: "the broker's configuration" },
    owner: {
      kind: 'text',
      value: 'ROLE',
      help: "the role that owns the schema; the broker's own when left out",
    },
    passwordFile: { kind: 'text', value: 'FILE', help: 'its password; needs --owner' },
    dryRun: { kind: 'switch', help: 'only say what would be done' },
    ...outputOption,
  },
  examples: [
    'leasehold ledger migrate --config broker.yaml --owner leasehold_owner --password-file owner-password',
    'leasehold ledger migrate --config broker.yaml --dry-run',
  ],
  run: async ({ options }, world) => {
    const { owner, passwordFile, dryRun } = options;
    if (owner === undefined && passwordFile !== undefined)
      throw new WrongUse('--password-file needs --owner', 'the broker has its own in broker.yaml');
    const { migrateLedger } = await import('../../broker/migrate-ledger.ts');
    const { from, to, grantedTo } = await migrateLedger({
      file: options.config,
      owner:
        owner === undefined
          ? undefined
          : { user: owner, ...(passwordFile === undefined ? {} : { passwordFile: resolve(passwordFile) }) },
      dryRun,
      signal: world.interrupted,
    });
    const done = dryRun ? 'would be' : 'was';
    await print(world, options.output, {
      data: { from, to, grantedTo: grantedTo ?? null, dryRun },
      table: () =>
        [
          from === to
            ? `the schema is of version ${to}`
            : `the schema ${done} brought from version ${from} to ${to}`,
          ...(grantedTo === undefined ? [] : [`its rows ${done} opened to ${grantedTo}`]),
          '',
        ].join('\n'),
    });
    return exitStatus.done;
  },
});
