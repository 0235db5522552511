import { hasCode } from '../../platform/error.ts';
import { connectionOptions } from '../connection-options.ts';
import { withBroker } from '../connection.ts';
import { defineCommand } from '../define-command.ts';
import { exitStatus } from '../exit-status.ts';
import { lookOf, outputOption, printNext } from '../output.ts';
import { readSelector, selectorOptions } from '../selector-options.ts';
import { createRowPrinter } from '../table.ts';
import { wipedCell } from '../views/outcome.ts';
import { workloadName, stateCell } from '../views/session-table.ts';
import { sessionView } from '../views/session-view.ts';

const usual = [24, 30, 20, 12, 10];
const head = ['AT', 'SESSION', 'POD', 'BUNDLE', 'STATE', 'GENERATION', 'FILES', 'REASON'];

export const sessionWatch = defineCommand({
  name: 'session watch',
  summary: 'print sessions whenever they change',
  details: [
    'First every matching session, then each one when its row changes. Ends with Ctrl-C. As JSON, one object on each line; as YAML, one document for each change.',
  ],
  arguments: {},
  options: { ...selectorOptions, ...outputOption, ...connectionOptions },
  examples: ['leasehold session watch', 'leasehold session watch --bundle "db-*" --output json'],
  run: async ({ options }, world) => {
    const selector = readSelector(options);
    const look = lookOf(world.stdio.out, world);
    const row = createRowPrinter({ head, usual, isColoured: look.isColoured });
    return withBroker(options, world, async (client) => {
      try {
        for await (const session of client.watchSessions(selector, world.interrupted)) {
          await printNext(world, options.output, {
            data: { session: sessionView(session) },
            table: () =>
              row([
                // The instant itself: a relative time would be wrong a second after it was printed.
                new Date(world.clock.now()).toISOString(),
                session.id,
                workloadName(session),
                session.bundle,
                stateCell(session.state),
                String(session.generation),
                wipedCell(session),
                session.endReason,
              ]),
          });
        }
      } catch (error) {
        // Ctrl-C is how a watch is meant to end.
        if (hasCode(error, 'cancelled') && world.interrupted.aborted) return exitStatus.done;
        throw error;
      }
      if (world.interrupted.aborted) return exitStatus.done;
      world.stdio.err.write('leasehold: the broker ended the watch\n');
      return exitStatus.refused;
    });
  },
});
