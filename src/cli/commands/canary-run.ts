import type { AdminClient } from '../../rpc/client/admin-client.ts';
import type { Canary__Output as WireCanary } from '../../rpc/gen/leasehold/v1/Canary.ts';
import { connectionOptions } from '../connection-options.ts';
import { withBroker } from '../connection.ts';
import { defineCommand } from '../define-command.ts';
import { type ExitStatus, exitStatus } from '../exit-status.ts';
import { outputOption, print } from '../output.ts';
import { canaryTable, canaryView, isFailing } from '../views/canary-view.ts';
import type { World } from '../world.ts';
import { WrongUse } from '../wrong-use.ts';

const longestWaitMs = 3_600_000;
const pollMs = 1_000;

export const canaryRun = defineCommand({
  name: 'canary run',
  summary: 'prove one dynamic path now',
  details: [
    'Has the broker issue a credential at this path for nobody and revoke it, without waiting for its interval: after a statement was mended, or before a change goes live. Then waits for what comes of it. None is sent while one is under way, or while what an earlier one left cannot be revoked: how the path stands is printed all the same.',
    'The exit status is 0 when it passed, and 3 when it failed or has not come to an end within --wait; the broker goes on with it. Needs the right `revoke`, and `backend.canary` in the configuration of the broker.',
  ],
  arguments: { path: { help: 'engine path, as `leasehold canary list` prints it' } },
  options: {
    wait: {
      kind: 'duration',
      value: 'TIME',
      default: '30s',
      help: 'how long to wait for what comes of it; 0 does not wait',
    },
    ...outputOption,
    ...connectionOptions,
  },
  examples: ['leasehold canary run database/creds/app', 'leasehold canary run database/creds/app --wait 2m'],
  run: async ({ args, options }, world) => {
    if (options.wait > longestWaitMs) throw new WrongUse('--wait is longer than 1h');
    return withBroker(options, world, async (client) => {
      const { session, canary } = await client.runCanary(args.path, world.interrupted);
      const last =
        session === ''
          ? canary
          : await follow(client, world, { session, path: args.path, waitMs: options.wait });
      const canaries = last === null ? [] : [last];
      await print(world, options.output, {
        data: { session: session === '' ? null : session, canary: last === null ? null : canaryView(last) },
        table: (look) => canaryTable(canaries, look),
      });
      return conclude(world, session, last);
    });
  },
});

/** Until that canary says something, has ended without saying anything, or the time is over. */
async function follow(
  client: AdminClient,
  world: World,
  options: { readonly session: string; readonly path: string; readonly waitMs: number },
): Promise<WireCanary | null> {
  const until = world.clock.monotonic() + options.waitMs;
  for (;;) {
    const { canaries } = await client.listCanaries(world.interrupted);
    const found = canaries.find(({ path }) => path === options.path) ?? null;
    const isOver = found === null || found.session === options.session || found.nextAtMs !== 0;
    if (isOver || world.clock.monotonic() >= until) return found;
    await world.clock.sleep(pollMs, world.interrupted);
  }
}

function conclude({ stdio }: World, session: string, canary: WireCanary | null): ExitStatus {
  if (session === '') {
    stdio.err.write('none was sent: one is under way, or has left something that has to go first\n');
    return exitStatus.partlyDone;
  }
  if (canary?.session !== session) {
    stdio.err.write(`it has not come to an end that says anything: leasehold session show ${session}\n`);
    return exitStatus.partlyDone;
  }
  return isFailing(canary) ? exitStatus.partlyDone : exitStatus.done;
}
