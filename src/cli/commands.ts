import { revoke } from './commands/revoke.ts';
import { sessionList } from './commands/session-list.ts';
import type { GroupSummaries } from './program.ts';
import type { Command } from './spec.ts';

/** All commands, in the order of the manual. */
export const commands: readonly Command[] = [sessionList, revoke];

export const groups: GroupSummaries = {
  session: 'who holds what',
  lock: 'refuse workloads from now on',
  settle: 'end what only a person may end',
  audit: 'read and prove the audit log',
  setup: 'what the secret backend needs',
};
