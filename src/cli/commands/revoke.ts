import type { Session__Output as Session } from '../../rpc/gen/leasehold/v1/Session.ts';
import { confirm, counted, requireYesOrTerminal } from '../confirm.ts';
import { connectionOptions } from '../connection-options.ts';
import { withBroker } from '../connection.ts';
import { defineCommand } from '../define-command.ts';
import { exitStatus } from '../exit-status.ts';
import { lookOf, outputOption } from '../output.ts';
import { readReason, reasonOption } from '../reason-option.ts';
import { followRevocation, reportRevocation } from '../revocation.ts';
import { requireSelector, selectorOptions } from '../selector-options.ts';
import { outcomeTable } from '../views/outcome.ts';
import type { World } from '../world.ts';
import { WrongUse } from '../wrong-use.ts';

const longestWaitMs = 3_600_000;

export const revoke = defineCommand({
  name: 'revoke',
  summary: 'take back what matching workloads hold, and prove it',
  details: [
    'Revokes every matching session: each lease and token at the backend, and the files at the holders. What was revoked does not come back until the workload ends or `leasehold settle lift` says so.',
    'Each credential is shown with what became of it. `confirmed` means: seen at the backend, revoked by us, then not seen. Anything else has its own name. What is outstanding at the end of --wait is tried again by the broker without end; the exit status is then 3.',
    'On a terminal it shows what would be revoked and asks. Elsewhere it needs --yes.',
  ],
  arguments: {},
  options: {
    ...reasonOption,
    ...selectorOptions,
    dryRun: { kind: 'switch', help: 'print what would be revoked and change nothing' },
    wait: {
      kind: 'duration',
      value: 'TIME',
      default: '30s',
      help: 'how long to wait for proof; 0 does not wait',
    },
    yes: { kind: 'switch', short: 'y', help: 'do not ask' },
    ...outputOption,
    ...connectionOptions,
  },
  examples: [
    'leasehold revoke --pod payments/api-7f9c --reason "suspected leak, INC-4711"',
    'leasehold revoke --image-digest sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --reason "bad build" --yes --wait 2m',
    'leasehold revoke --namespace payments --reason drill --dry-run',
  ],
  run: async ({ options }, world) => {
    const selector = requireSelector(options, 'revoke');
    const reason = readReason(options.reason);
    if (options.wait > longestWaitMs) throw new WrongUse('--wait is longer than 1h');
    requireYesOrTerminal(options, world);
    return withBroker(options, world, async (client) => {
      const request = { selector, reason, dryRun: options.dryRun, waitMs: options.dryRun ? 0 : options.wait };
      if (!options.dryRun && !options.yes) {
        const preview = await followRevocation(client, { ...request, dryRun: true, waitMs: 0 }, world);
        if (preview.cut !== undefined) throw preview.cut;
        if (preview.sessions.length === 0) return reportRevocation(preview, options, world);
        if (!(await isAgreed(preview.sessions, world))) return exitStatus.refused;
      }
      return reportRevocation(await followRevocation(client, request, world), options, world);
    });
  },
});

async function isAgreed(sessions: readonly Session[], world: World): Promise<boolean> {
  const { err } = world.stdio;
  err.write(outcomeTable(sessions, lookOf(err, world)));
  if (await confirm(`Revoke ${counted(sessions.length, 'session')}?`, world)) return true;
  err.write('nothing was revoked\n');
  return false;
}
