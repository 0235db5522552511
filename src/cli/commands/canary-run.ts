import type { AdminClient } from '../../rpc/client/admin-client.ts';
import type { Canary__Output as WireCanary } from '../../rpc/gen/leasehold/v1/Canary.ts';
import { connectionOptions } from '../connection-options.ts';
import { withBroker } from '../connection.ts';
import { defineCommand } from '../define-command.ts';
import { type ExitStatus, exitStatus } from '../exit-status.ts';
import { outputOption, print } from '../output.ts';
import { createProgress } from '../progress.ts';
import { canaryTable, canaryView, isFailing } from '../views/canary-view.ts';
import type { World } from '../world.ts';
import { WrongUse } from '../wrong-use.ts';

const longestWaitMs = 3_600_000;
const pollMs = 1_000;

export const canaryRun = defineCommand({
  name: 'canary run',
  summary: 'prove one dynamic path now',
  details: [
    'Has the broker issue a credential at this path for nobody and revoke it, without waiting for its interval: after a statement was mended, or before a change goes live. Then waits for what comes of it. None is sent while one is under way, or while what an earlier one left is not gone: within --wait it is sent once that is over, else none is, and how the path stands is printed all the same.',
    'The exit status is 0 when it passed, and 3 when it failed, could not be sent or has not come to an end within --wait; one that was sent the broker goes on with. Needs the right `revoke`, and `backend.canary` in the configuration of the broker.',
  ],
  arguments: { path: { help: 'engine path, as `leasehold canary list` prints it' } },
  options: {
    wait: {
      kind: 'duration',
      value: 'TIME',
      default: '30s',
      help: 'how long to wait, for its turn and for what comes of it; 0 does not wait',
    },
    ...outputOption,
    ...connectionOptions,
  },
  examples: ['leasehold canary run database/creds/app', 'leasehold canary run database/creds/app --wait 2m'],
  run: async ({ args, options }, world) => {
    if (options.wait > longestWaitMs) throw new WrongUse('--wait is longer than 1h');
    return withBroker(options, world, async (client) => {
      const { session, canary } = await prove(client, world, { path: args.path, waitMs: options.wait });
      const canaries = canary === null ? [] : [canary];
      await print(world, options.output, {
        data: {
          session: session === '' ? null : session,
          canary: canary === null ? null : canaryView(canary),
        },
        table: (look) => canaryTable(canaries, look),
      });
      return conclude(world, session, canary);
    });
  },
});

interface Proof {
  /** Of the canary that was sent; empty when none was. */
  readonly session: string;
  /** How the path stands. */
  readonly canary: WireCanary | null;
}

/**
 * Sends one, and waits until it says something, has ended without saying anything, or the time is over. One that was under way before is no
 * answer: it may have been issued by the statement that was mended since.
 */
async function prove(
  client: AdminClient,
  world: World,
  { path, waitMs }: { readonly path: string; readonly waitMs: number },
): Promise<Proof> {
  const until = world.clock.monotonic() + waitMs;
  const look = async (isOver: (canary: WireCanary) => boolean): Promise<WireCanary | null> => {
    for (;;) {
      const { canaries } = await client.listCanaries(world.interrupted);
      const found = canaries.find((one) => one.path === path) ?? null;
      if (found === null || isOver(found) || world.clock.monotonic() >= until) return found;
      await world.clock.sleep(pollMs, world.interrupted);
    }
  };
  const progress = createProgress(world);
  try {
    progress.update('sending a canary');
    for (;;) {
      const { session, canary } = await client.runCanary(path, world.interrupted);
      if (session !== '') {
        progress.update(`waiting for what comes of ${session}`);
        return { session, canary: await look((one) => one.session === session || one.nextAtMs !== 0) };
      }
      if (world.clock.monotonic() >= until) return { session, canary };
      progress.update('waiting for an earlier canary to be over');
      await world.clock.sleep(pollMs, world.interrupted);
      const before = await look(({ nextAtMs }) => nextAtMs !== 0);
      if (before === null || before.nextAtMs === 0) return { session, canary: before };
    }
  } finally {
    progress.end();
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
