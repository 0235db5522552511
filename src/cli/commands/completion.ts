import { loadCommandTree } from '../command-tree.ts';
import { bashCompletion } from '../completion/bash.ts';
import { completionTree } from '../completion/completion-tree.ts';
import { fishCompletion } from '../completion/fish.ts';
import { zshCompletion } from '../completion/zsh.ts';
import { defineCommand } from '../define-command.ts';
import { exitStatus } from '../exit-status.ts';

const writers = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;

export const completion = defineCommand({
  name: 'completion',
  summary: 'print a script that completes command lines in your shell',
  details: ['Completes commands, flags, the values of flags that have few, and files. It asks no broker.'],
  arguments: { shell: { help: 'bash, zsh or fish', choices: ['bash', 'zsh', 'fish'] } },
  options: {},
  examples: [
    'source <(leasehold completion bash)',
    'leasehold completion zsh > "${fpath[1]}/_leasehold"',
    'leasehold completion fish > ~/.config/fish/completions/leasehold.fish',
  ],
  run: async ({ args }, world) => {
    world.stdio.out.write(writers[args.shell](completionTree(await loadCommandTree())));
    return exitStatus.done;
  },
});
