import { connectionOptions } from '../connection-options.ts';
import { withBroker } from '../connection.ts';
import { defineCommand } from '../define-command.ts';
import { exitStatus } from '../exit-status.ts';
import { outputOption, print } from '../output.ts';
import { lockTable, lockView } from '../views/lock-view.ts';

export const lockList = defineCommand({
  name: 'lock list',
  summary: 'list the locks that stand',
  details: ['Oldest first.'],
  arguments: {},
  options: { ...outputOption, ...connectionOptions },
  examples: ['leasehold lock list', 'leasehold lock list --output yaml'],
  run: async ({ options }, world) => {
    const locks = await withBroker(options, world, (client) => client.listLocks(world.interrupted));
    await print(world, options.output, {
      data: { locks: locks.map(lockView) },
      table: (look) => (locks.length === 0 ? '' : lockTable(locks, look)),
    });
    if (locks.length === 0) world.stdio.err.write('no locks\n');
    return exitStatus.done;
  },
});
