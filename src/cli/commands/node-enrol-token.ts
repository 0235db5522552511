import { enrolmentLimits } from '../../platform/enrolment-limits.ts';
import { expandHostlist } from '../../platform/hostlist.ts';
import { hasCode } from '../../platform/error.ts';
import { connectionOptions } from '../connection-options.ts';
import { withBroker } from '../connection.ts';
import { defineCommand } from '../define-command.ts';
import { exitStatus } from '../exit-status.ts';
import { outputOption, print } from '../output.ts';
import { renderTable } from '../table.ts';
import { instant } from '../time-text.ts';
import { WrongUse } from '../wrong-use.ts';

const { mostNodes, leastSeconds, mostSeconds } = enrolmentLimits;

export const nodeEnrolToken = defineCommand({
  name: 'node enrol-token',
  summary: 'make one-time tokens with which compute nodes get their certificates',
  details: [
    'Prints a token for each node. Whoever has it can become that node until it is used or expires: hand it to that node alone, in the way that provisioning hands over secrets. A new token of a node makes the one before worthless.',
    'Needs the right `enrol`, and `nodes.enrolment` in the configuration of the broker.',
  ],
  arguments: {},
  options: {
    cluster: { kind: 'text', required: true, value: 'NAME', help: 'batch cluster, exact' },
    node: { kind: 'list', value: 'NAME', help: 'node, as slurm.conf names it; may be given several times' },
    nodes: { kind: 'text', value: 'HOSTLIST', help: 'nodes as Slurm lists them, for example `n[001-128]`' },
    ttl: {
      kind: 'duration',
      value: 'DURATION',
      default: '10m',
      help: 'how long the tokens can be used, 1m to 7d',
    },
    ...outputOption,
    ...connectionOptions,
  },
  examples: [
    'leasehold node enrol-token --cluster hpc --node n001',
    'leasehold node enrol-token --cluster hpc --nodes "n[001-128]" --ttl 1h --output json',
  ],
  run: async ({ options }, world) => {
    const nodes = nodesOf(options.node, options.nodes);
    const { cluster, ttl } = options;
    if (ttl < leastSeconds * 1000 || ttl > mostSeconds * 1000) throw new WrongUse('--ttl must be 1m to 7d');
    const request = { cluster, nodes: [...nodes], ttlSeconds: Math.round(ttl / 1000) };
    const { tokens, expiresAtMs } = await withBroker(options, world, (client) =>
      client.makeEnrolmentTokens(request, world.interrupted),
    );
    const made = tokens.map(({ node, token }) => ({ node, token: token.toString('utf8') }));
    await print(world, options.output, {
      data: { cluster, expiresAt: instant(expiresAtMs), tokens: made },
      table: ({ isColoured }) =>
        renderTable({
          head: ['NODE', 'TOKEN'],
          rows: made.map(({ node, token }) => [node, token]),
          isColoured,
        }),
    });
    return exitStatus.done;
  },
});

function nodesOf(named: readonly string[], hostlist: string | undefined): readonly string[] {
  try {
    const nodes = new Set([...named, ...(hostlist === undefined ? [] : expandHostlist(hostlist))]);
    if (nodes.size === 0) throw new WrongUse('no node is named', 'give --node or --nodes');
    if (nodes.size > mostNodes) throw new WrongUse(`at most ${mostNodes} nodes at a time`);
    return [...nodes];
  } catch (error) {
    if (hasCode(error, 'request_invalid')) throw new WrongUse(`--nodes: ${error.detail ?? error.message}`);
    throw error;
  }
}
