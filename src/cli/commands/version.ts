import { defineCommand } from '../define-command.ts';
import { exitStatus } from '../exit-status.ts';
import { outputOption, print } from '../output.ts';
import { ownVersion } from '../../platform/own-version.ts';

export const version = defineCommand({
  name: 'version',
  summary: 'print the version of this program',
  details: ['No broker is asked.'],
  arguments: {},
  options: { ...outputOption },
  examples: ['leasehold version', 'leasehold version --output json'],
  run: async ({ options }, world) => {
    const found = {
      version: ownVersion(),
      node: process.versions.node,
      platform: `${process.platform}-${process.arch}`,
    };
    await print(world, options.output, {
      data: found,
      table: () => `leasehold ${found.version} (node ${found.node}, ${found.platform})\n`,
    });
    return exitStatus.done;
  },
});
