import type { EnrolmentTokenFacts__Output as WireToken } from '../../rpc/gen/leasehold/v1/EnrolmentTokenFacts.ts';
import { connectionOptions } from '../connection-options.ts';
import { withBroker } from '../connection.ts';
import { defineCommand } from '../define-command.ts';
import { exitStatus } from '../exit-status.ts';
import { outputOption, print } from '../output.ts';
import { enrolmentTokenTable, enrolmentTokenView } from '../views/enrolment-token-view.ts';

export const nodeListTokens = defineCommand({
  name: 'node list-tokens',
  summary: 'list the enrolment tokens of compute nodes, without the tokens',
  details: [
    'By cluster and node: who made each, until when it can be used, and whether it was: `unused`, `spent` (and by which key: the beginning of the SHA-256 of the public key) or `expired`. A node has the newest one alone. What has expired stays in the list for a week.',
    'Needs the right `view`, and `nodes.enrolment` in the configuration of the broker.',
  ],
  arguments: {},
  options: {
    cluster: { kind: 'text', value: 'NAME', help: 'of this batch cluster alone, exact' },
    unused: { kind: 'switch', help: 'only those that a node can still use for the first time' },
    ...outputOption,
    ...connectionOptions,
  },
  examples: ['leasehold node list-tokens --cluster hpc', 'leasehold node list-tokens --unused --output json'],
  run: async ({ options }, world) => {
    const { cluster, unused } = options;
    const request = { ...(cluster === undefined ? {} : { cluster }), unused };
    const tokens = await withBroker(options, world, async (client) => {
      const all: WireToken[] = [];
      for await (const token of client.listEnrolmentTokens(request, world.interrupted)) all.push(token);
      return all;
    });
    await print(world, options.output, {
      data: { tokens: tokens.map(enrolmentTokenView) },
      table: (look) => (tokens.length === 0 ? '' : enrolmentTokenTable(tokens, look)),
    });
    if (tokens.length === 0) world.stdio.err.write(`no ${unused ? 'unused ' : ''}enrolment tokens\n`);
    return exitStatus.done;
  },
});
