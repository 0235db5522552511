import type { Session__Output as Session } from '../../rpc/gen/leasehold/v1/Session.ts';
import { connectionOptions } from '../connection-options.ts';
import { withBroker } from '../connection.ts';
import { defineCommand } from '../define-command.ts';
import { exitStatus } from '../exit-status.ts';
import { outputOption, print } from '../output.ts';
import { readSelector, selectorOptions } from '../selector-options.ts';
import { sessionTable } from '../views/session-table.ts';
import { sessionView } from '../views/session-view.ts';

export const sessionList = defineCommand({
  name: 'session list',
  summary: 'list who holds what, now',
  details: [
    'Newest first. Without a selector, all live sessions. Given selectors must all match; `*` stands for any characters.',
  ],
  arguments: {},
  options: {
    ...selectorOptions,
    ended: { kind: 'switch', help: 'ended sessions too' },
    ...outputOption,
    ...connectionOptions,
  },
  examples: [
    'leasehold session list',
    'leasehold session list --namespace payments --bundle "db-*"',
    'leasehold session list --node gpu-07 --ended --output json',
  ],
  run: async ({ options }, world) => {
    const selector = readSelector(options);
    const request = { ...(selector === undefined ? {} : { selector }), includeEnded: options.ended };
    const sessions = await withBroker(options, world, async (client) => {
      const found: Session[] = [];
      for await (const session of client.listSessions(request, world.interrupted)) found.push(session);
      return found;
    });
    await print(world, options.output, {
      data: { sessions: sessions.map(sessionView) },
      table: (look) => (sessions.length === 0 ? '' : sessionTable(sessions, look)),
    });
    if (sessions.length === 0) world.stdio.err.write('no session matches\n');
    return exitStatus.done;
  },
});
