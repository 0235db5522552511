import { confirm, counted, requireYesOrTerminal } from '../confirm.ts';
import { connectionOptions } from '../connection-options.ts';
import { withBroker } from '../connection.ts';
import { defineCommand } from '../define-command.ts';
import { exitStatus } from '../exit-status.ts';
import { outputOption, print } from '../output.ts';
import { readReason, reasonOption } from '../reason-option.ts';
import { renderTable } from '../table.ts';
import { WrongUse } from '../wrong-use.ts';

export const nodeWithdrawToken = defineCommand({
  name: 'node withdraw-token',
  summary: 'take back enrolment tokens that no node has used',
  details: [
    'Of one node, or with --all of all nodes of the cluster. Whoever shows a withdrawn token is refused like with one that never was. With --all it asks on a terminal; elsewhere it needs --yes.',
    'A token that was used is not taken back, and the exit status is 1: its node has a certificate. `leasehold lock add --node` keeps a node out.',
    'Needs the right `enrol`, and `nodes.enrolment` in the configuration of the broker.',
  ],
  arguments: {},
  options: {
    cluster: { kind: 'text', required: true, value: 'NAME', help: 'batch cluster, exact' },
    node: { kind: 'text', value: 'NAME', help: 'node, as slurm.conf names it' },
    all: { kind: 'switch', help: 'all nodes of the cluster' },
    ...reasonOption,
    yes: { kind: 'switch', short: 'y', help: 'do not ask' },
    ...outputOption,
    ...connectionOptions,
  },
  examples: [
    'leasehold node withdraw-token --cluster hpc --node n001 --reason "node is not to come back"',
    'leasehold node withdraw-token --cluster hpc --all --reason "overlay was readable" --yes',
  ],
  run: async ({ options }, world) => {
    const { cluster, node, all } = options;
    if (all === (node !== undefined)) throw new WrongUse('give either --node or --all');
    const reason = readReason(options.reason);
    const { err } = world.stdio;
    if (all) {
      requireYesOrTerminal({ yes: options.yes }, world);
      const question = `Withdraw all unused enrolment tokens of cluster ${cluster}?`;
      if (!options.yes && !(await confirm(question, world))) {
        err.write('nothing was withdrawn\n');
        return exitStatus.refused;
      }
    }
    const request = { cluster, ...(node === undefined ? { all } : { node }), reason };
    const nodes = await withBroker(options, world, (client) =>
      client.withdrawEnrolmentTokens(request, world.interrupted),
    );
    await print(world, options.output, {
      data: { cluster, withdrawn: nodes },
      table: ({ isColoured }) =>
        nodes.length === 0
          ? ''
          : renderTable({ head: ['NODE'], rows: nodes.map((name) => [name]), isColoured }),
    });
    err.write(`withdrew ${counted(nodes.length, 'token')}\n`);
    return exitStatus.done;
  },
});
