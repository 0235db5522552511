import { connectionOptions } from '../connection-options.ts';
import { withBroker } from '../connection.ts';
import { defineCommand } from '../define-command.ts';
import { exitStatus } from '../exit-status.ts';
import { outputOption, print } from '../output.ts';
import { sessionFacts } from '../views/session-facts.ts';
import { sessionView } from '../views/session-view.ts';

export const sessionShow = defineCommand({
  name: 'session show',
  summary: 'show one session with its holders and credentials',
  details: [
    'Also shows ended sessions, as long as the broker keeps them. `FILES` is what the holder says; what the broker has seen itself stands with each credential.',
  ],
  arguments: { id: { help: 'session id, as `leasehold session list` prints it' } },
  options: { ...outputOption, ...connectionOptions },
  examples: ['leasehold session show ses_01jq6x0d3v8k2m4n5p6r7s8t9w'],
  run: async ({ args, options }, world) => {
    const session = await withBroker(options, world, (client) =>
      client.getSession(args.id, world.interrupted),
    );
    await print(world, options.output, {
      data: { session: sessionView(session) },
      table: (look) => sessionFacts(session, look),
    });
    return exitStatus.done;
  },
});
