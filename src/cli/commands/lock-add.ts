import type { AddLockResponse__Output as Added } from '../../rpc/gen/leasehold/v1/AddLockResponse.ts';
import { confirm, counted, describeSelector, requireYesOrTerminal } from '../confirm.ts';
import { connectionOptions } from '../connection-options.ts';
import { withBroker } from '../connection.ts';
import { defineCommand } from '../define-command.ts';
import { exitStatus } from '../exit-status.ts';
import type { ExitStatus } from '../exit-status.ts';
import { lookOf, outputOption, print } from '../output.ts';
import { readReason, reasonOption } from '../reason-option.ts';
import { requireSelector, workloadSelectorOptions } from '../selector-options.ts';
import { lockTable, lockView } from '../views/lock-view.ts';
import { sessionTable } from '../views/session-table.ts';
import { sessionView } from '../views/session-view.ts';

export const lockAdd = defineCommand({
  name: 'lock add',
  summary: 'refuse matching workloads from now on, and revoke what they hold',
  details: [
    'A lock stands until `leasehold lock remove` ends it, also for workloads that do not exist yet. A single session cannot be locked: revoke it.',
    'The revocations it starts go on by themselves; `leasehold session list` shows how they stand. On a terminal it shows what would be revoked and asks. Elsewhere it needs --yes.',
  ],
  arguments: {},
  options: {
    ...reasonOption,
    ...workloadSelectorOptions,
    dryRun: { kind: 'switch', help: 'print what would be refused and revoked, and change nothing' },
    yes: { kind: 'switch', short: 'y', help: 'do not ask' },
    ...outputOption,
    ...connectionOptions,
  },
  examples: [
    'leasehold lock add --node gpu-07 --reason "node under investigation"',
    'leasehold lock add --namespace "ci-*" --bundle deploy-key --reason "CI compromised" --yes',
  ],
  run: async ({ options }, world) => {
    const selector = requireSelector({ ...options, session: undefined }, 'lock');
    const reason = readReason(options.reason);
    requireYesOrTerminal(options, world);
    const { err } = world.stdio;
    const report = async ({ lock, sessions }: Added): Promise<ExitStatus> => {
      await print(world, options.output, {
        data: {
          dryRun: options.dryRun,
          lock: lock === null ? null : lockView(lock),
          sessions: sessions.map(sessionView),
        },
        table: (look) =>
          [
            lock === null || lock.id === '' ? '' : lockTable([lock], look),
            sessions.length === 0 ? '' : sessionTable(sessions, look),
          ]
            .filter((part) => part !== '')
            .join('\n'),
      });
      const count = counted(sessions.length, 'session');
      err.write(
        options.dryRun
          ? `would add the lock and revoke ${count}; nothing was changed\n`
          : `locked; revoking ${count}\n`,
      );
      return exitStatus.done;
    };
    return withBroker(options, world, async (client) => {
      if (!options.dryRun && !options.yes) {
        const preview = await client.addLock({ selector, reason, dryRun: true }, world.interrupted);
        if (preview.sessions.length > 0) err.write(sessionTable(preview.sessions, lookOf(err, world)));
        const question = `Lock ${describeSelector(selector)} and revoke ${counted(preview.sessions.length, 'session')}?`;
        if (!(await confirm(question, world))) {
          err.write('nothing was locked\n');
          return exitStatus.refused;
        }
      }
      return report(await client.addLock({ selector, reason, dryRun: options.dryRun }, world.interrupted));
    });
  },
});
