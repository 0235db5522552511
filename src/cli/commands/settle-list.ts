import { connectionOptions } from '../connection-options.ts';
import { withBroker } from '../connection.ts';
import { defineCommand } from '../define-command.ts';
import { exitStatus } from '../exit-status.ts';
import { outputOption, print } from '../output.ts';
import { renderTable } from '../table.ts';
import { instant } from '../time-text.ts';

export const settleList = defineCommand({
  name: 'settle list',
  summary: 'list what was revoked and may not come back',
  details: [
    'Each line is a tombstone: this workload may not hold this bundle again until it ends, or until `leasehold settle lift` says so. Oldest first.',
  ],
  arguments: {},
  options: { ...outputOption, ...connectionOptions },
  examples: ['leasehold settle list'],
  run: async ({ options }, world) => {
    const tombstones = await withBroker(options, world, (client) => client.listTombstones(world.interrupted));
    await print(world, options.output, {
      data: {
        tombstones: tombstones.map(({ workload, bundle, reason, by, createdAtMs }) => {
          return { workload, bundle, reason, by, createdAt: instant(createdAtMs) };
        }),
      },
      table: ({ time, isColoured }) => {
        if (tombstones.length === 0) return '';
        const rows = tombstones.map(({ workload, bundle, by, createdAtMs, reason }) => {
          return [workload, bundle, by, time(createdAtMs), reason];
        });
        return renderTable({ head: ['WORKLOAD', 'BUNDLE', 'BY', 'REVOKED', 'REASON'], rows, isColoured });
      },
    });
    if (tombstones.length === 0) world.stdio.err.write('no tombstones\n');
    return exitStatus.done;
  },
});
