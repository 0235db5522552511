import { hasCode } from '../../platform/error.ts';
import { connectionOptions } from '../connection-options.ts';
import { withBroker } from '../connection.ts';
import { defineCommand } from '../define-command.ts';
import { exitStatus } from '../exit-status.ts';
import { outputOption, print } from '../output.ts';
import { readReason, reasonOption } from '../reason-option.ts';

export const settleLift = defineCommand({
  name: 'settle lift',
  summary: 'let a workload hold a revoked bundle again',
  details: ['Ends the tombstone that a revocation or a lock left. Needs the right `settle`.'],
  arguments: {},
  options: {
    workload: {
      kind: 'text',
      required: true,
      value: 'ID',
      help: 'workload id, as `leasehold settle list` prints it',
    },
    bundle: { kind: 'text', required: true, value: 'NAME', help: 'bundle, exact' },
    ...reasonOption,
    ...outputOption,
    ...connectionOptions,
  },
  examples: [
    'leasehold settle lift --workload pod/blue/3f0c9a51-6f6e-4a0e-9a52-0c8a6f1f0b7e --bundle orders-db --reason "false alarm"',
  ],
  run: async ({ options }, world) => {
    const { workload, bundle } = options;
    const request = { workload, bundle, reason: readReason(options.reason) };
    try {
      await withBroker(options, world, (client) => client.liftTombstone(request, world.interrupted));
    } catch (error) {
      if (!hasCode(error, 'request_invalid')) throw error;
      world.stdio.err.write(
        'leasehold: no tombstone stands for this workload and bundle (request_invalid)\n',
      );
      return exitStatus.refused;
    }
    await print(world, options.output, { data: { lifted: { workload, bundle } }, table: () => '' });
    world.stdio.err.write('the tombstone is lifted\n');
    return exitStatus.done;
  },
});
