import type { Session__Output as Session } from '../../rpc/gen/leasehold/v1/Session.ts';
import { confirm, counted, requireYesOrTerminal } from '../confirm.ts';
import { connectionOptions } from '../connection-options.ts';
import { withBroker } from '../connection.ts';
import { defineCommand } from '../define-command.ts';
import { exitStatus } from '../exit-status.ts';
import type { ExitStatus } from '../exit-status.ts';
import { lookOf, outputOption, print } from '../output.ts';
import { readReason, reasonOption } from '../reason-option.ts';
import { requireSelector, selectorOptions } from '../selector-options.ts';
import { sessionTable } from '../views/session-table.ts';
import { sessionView } from '../views/session-view.ts';

export const rotate = defineCommand({
  name: 'rotate',
  summary: 'give the same holders new credentials, then revoke the old ones',
  details: [
    'Queues a rotation of every matching session and does not wait for it: watch it with `leasehold session watch`. The old credentials go when every holder has the new ones, or after the overlap time of the bundle.',
    'On a terminal it shows what would be rotated and asks. Elsewhere it needs --yes.',
  ],
  arguments: {},
  options: {
    ...reasonOption,
    ...selectorOptions,
    dryRun: { kind: 'switch', help: 'print what would be rotated and change nothing' },
    yes: { kind: 'switch', short: 'y', help: 'do not ask' },
    ...outputOption,
    ...connectionOptions,
  },
  examples: [
    'leasehold rotate --bundle orders-db --reason "password seen in a ticket" --dry-run',
    'leasehold rotate --namespace payments --reason "quarterly rotation" --yes',
  ],
  run: async ({ options }, world) => {
    const selector = requireSelector(options, 'rotate');
    const reason = readReason(options.reason);
    requireYesOrTerminal(options, world);
    const { err } = world.stdio;
    const report = async (sessions: readonly Session[]): Promise<ExitStatus> => {
      await print(world, options.output, {
        data: { dryRun: options.dryRun, sessions: sessions.map(sessionView) },
        table: (look) => (sessions.length === 0 ? '' : sessionTable(sessions, look)),
      });
      const count = counted(sessions.length, 'session');
      if (sessions.length === 0) err.write('no live session matches\n');
      else
        err.write(
          options.dryRun
            ? `would rotate ${count}; nothing was changed\n`
            : `rotation of ${count} is queued\n`,
        );
      return exitStatus.done;
    };
    return withBroker(options, world, async (client) => {
      if (!options.dryRun && !options.yes) {
        const affected = await client.rotateSessions({ selector, reason, dryRun: true }, world.interrupted);
        if (affected.length === 0) return report([]);
        err.write(sessionTable(affected, lookOf(err, world)));
        if (!(await confirm(`Rotate ${counted(affected.length, 'session')}?`, world))) {
          err.write('nothing was rotated\n');
          return exitStatus.refused;
        }
      }
      return report(
        await client.rotateSessions({ selector, reason, dryRun: options.dryRun }, world.interrupted),
      );
    });
  },
});
