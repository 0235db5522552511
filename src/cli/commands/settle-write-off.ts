import { hasCode } from '../../platform/error.ts';
import { confirm, requireYesOrTerminal } from '../confirm.ts';
import { connectionOptions } from '../connection-options.ts';
import { withBroker } from '../connection.ts';
import { defineCommand } from '../define-command.ts';
import { exitStatus } from '../exit-status.ts';
import { outputOption, print } from '../output.ts';
import { readReason, reasonOption } from '../reason-option.ts';
import { sessionFacts } from '../views/session-facts.ts';
import { sessionView } from '../views/session-view.ts';

export const settleWriteOff = defineCommand({
  name: 'settle write-off',
  summary: 'give up on a credential that cannot be settled',
  details: [
    'The broker stops trying to revoke it and never says that it is gone: make sure yourself that it is. Only an outstanding credential can be written off, and nothing takes it back. Needs the right `settle`.',
    'On a terminal it asks. Elsewhere it needs --yes.',
  ],
  arguments: { credential: { help: 'credential id, as `leasehold session show` prints it' } },
  options: {
    ...reasonOption,
    yes: { kind: 'switch', short: 'y', help: 'do not ask' },
    ...outputOption,
    ...connectionOptions,
  },
  examples: [
    'leasehold settle write-off cre_01jq6x0d3v8k2m4n5p6r7s8t9w --reason "the database is gone" --yes',
  ],
  run: async ({ args, options }, world) => {
    const reason = readReason(options.reason);
    requireYesOrTerminal(options, world);
    if (!options.yes && !(await confirm('Stop trying to revoke this credential?', world))) {
      world.stdio.err.write('nothing was written off\n');
      return exitStatus.refused;
    }
    try {
      const session = await withBroker(options, world, (client) =>
        client.writeOff({ credential: args.credential, reason }, world.interrupted),
      );
      await print(world, options.output, {
        data: { session: sessionView(session) },
        table: (look) => sessionFacts(session, look),
      });
    } catch (error) {
      if (!hasCode(error, 'request_invalid')) throw error;
      world.stdio.err.write('leasehold: no outstanding credential has this id (request_invalid)\n');
      return exitStatus.refused;
    }
    world.stdio.err.write('the credential is written off\n');
    return exitStatus.done;
  },
});
