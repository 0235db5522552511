import type { Command, CommandText } from './spec.ts';

/** All that can be named on the command line, for help, completion and the manual. */
export interface CommandTree {
  readonly commands: readonly Command[];
  readonly parts: readonly CommandText[];
  readonly groups: Readonly<Record<string, string>>;
}

/** What the groups of commands are about. */
export const groups: CommandTree['groups'] = {
  session: 'who holds what',
  lock: 'refuse workloads from now on',
  node: 'compute nodes of batch clusters',
  settle: 'what only a person may end',
  canary: 'whether what is lent can be taken back',
  audit: 'read and prove the audit log',
  setup: 'what the secret backend needs',
  ledger: 'the durable record of the brokers',
};

/** Loaded when asked for, because the completion command is in the tree that it prints. */
export async function loadCommandTree(): Promise<CommandTree> {
  const [{ commands }, { parts }] = await Promise.all([import('./commands.ts'), import('./parts.ts')]);
  return { commands, parts, groups };
}
