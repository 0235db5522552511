import { connectionOptions } from '../connection-options.ts';
import { withBroker } from '../connection.ts';
import { defineCommand } from '../define-command.ts';
import { exitStatus } from '../exit-status.ts';
import { outputOption, print } from '../output.ts';
import { canaryTable, canaryView, isFailing } from '../views/canary-view.ts';

export const canaryList = defineCommand({
  name: 'canary list',
  summary: 'list whether what dynamic paths issue can be taken back',
  details: [
    'Each line is an engine path and what the last credential came to that a broker issued there for nobody and revoked again. `revoke failed`: what is issued there cannot be taken back now. `issue failed`: nothing can be issued there. `waiting`: none has said anything yet. The exit status is 3 when a path fails.',
    'The credential that is stuck is in the session: `leasehold session show` names it. Needs the right `view`, and `backend.canary` in the configuration of the broker.',
  ],
  arguments: {},
  options: { ...outputOption, ...connectionOptions },
  examples: ['leasehold canary list', 'leasehold canary list --output json'],
  run: async ({ options }, world) => {
    const { enabled, canaries } = await withBroker(options, world, (client) =>
      client.listCanaries(world.interrupted),
    );
    await print(world, options.output, {
      data: { enabled, canaries: canaries.map(canaryView) },
      table: (look) => (canaries.length === 0 ? '' : canaryTable(canaries, look)),
    });
    if (!enabled) world.stdio.err.write('this broker sends no canaries: backend.canary is not configured\n');
    else if (canaries.length === 0)
      world.stdio.err.write('no bundle of the policy has a path for canaries\n');
    return canaries.some(isFailing) ? exitStatus.partlyDone : exitStatus.done;
  },
});
