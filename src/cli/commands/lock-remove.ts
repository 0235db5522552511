import { hasCode } from '../../platform/error.ts';
import { connectionOptions } from '../connection-options.ts';
import { withBroker } from '../connection.ts';
import { defineCommand } from '../define-command.ts';
import { exitStatus } from '../exit-status.ts';
import { outputOption, print } from '../output.ts';
import { readReason, reasonOption } from '../reason-option.ts';

export const lockRemove = defineCommand({
  name: 'lock remove',
  summary: 'end a lock',
  details: [
    'Matching workloads may be granted again. What the lock revoked stays revoked until its workload ends or `leasehold settle lift` says so.',
  ],
  arguments: { id: { help: 'lock id, as `leasehold lock list` prints it' } },
  options: { ...reasonOption, ...outputOption, ...connectionOptions },
  examples: ['leasehold lock remove loc_01jq6x0d3v8k2m4n5p6r7s8t9w --reason "node reinstalled"'],
  run: async ({ args, options }, world) => {
    const reason = readReason(options.reason);
    try {
      await withBroker(options, world, (client) =>
        client.removeLock({ id: args.id, reason }, world.interrupted),
      );
    } catch (error) {
      if (!hasCode(error, 'request_invalid')) throw error;
      world.stdio.err.write('leasehold: no lock has this id (request_invalid)\n');
      return exitStatus.refused;
    }
    await print(world, options.output, { data: { removed: args.id }, table: () => '' });
    world.stdio.err.write('the lock is removed\n');
    return exitStatus.done;
  },
});
