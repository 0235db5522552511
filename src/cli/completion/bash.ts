import type { CompletionFlag, CompletionNode } from './completion-tree.ts';

/**
 * Works with bash alone, without the bash-completion package. `COMP_WORDBREAKS` splits `--flag=value` into three words;
 * the value is then the last one and completes like `--flag value`.
 */
export function bashCompletion(nodes: readonly CompletionNode[]): string {
  return `# bash completion for leasehold
_leasehold() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" path="" word index
  if [[ $current == "=" ]]; then current=""; elif [[ $previous == "=" ]]; then previous="\${COMP_WORDS[COMP_CWORD-2]}"; fi
  for ((index = 1; index < COMP_CWORD; index++)); do
    word="\${COMP_WORDS[index]}"
    [[ $word == -* ]] && break
    case "\${path:+$path }$word" in
      ${nodes.flatMap(({ path }) => (path === '' ? [] : [`'${path}'`])).join('|')}) path="\${path:+$path }$word" ;;
      *) break ;;
    esac
  done
  COMPREPLY=()
  case "$path $previous" in
${nodes.flatMap(flagCases).join('')}  esac
  case "$path" in
${nodes.map(wordCase).join('')}  esac
}
complete -F _leasehold leasehold
`;
}

function flagCases(node: CompletionNode): readonly string[] {
  return node.flags
    .filter(({ value }) => value !== 'none')
    .map((flag) => `    ${flagPatterns(node.path, flag)}) ${flagAction(flag)}; return ;;\n`);
}

function flagPatterns(path: string, { flag, short }: CompletionFlag): string {
  const names = short === undefined ? [flag] : [flag, short];
  return names.map((name) => `'${path} ${name}'`).join('|');
}

function flagAction({ value }: CompletionFlag): string {
  if (value === 'file') return 'mapfile -t COMPREPLY < <(compgen -f -- "$current")';
  if (value === 'any' || value === 'none') return ':';
  return `mapfile -t COMPREPLY < <(compgen -W '${value.join(' ')}' -- "$current")`;
}

function wordCase(node: CompletionNode): string {
  const flags = node.flags.map(({ flag }) => flag);
  const words = node.words.map(({ word }) => word);
  const files = node.takesFiles
    ? ' mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$current");'
    : '';
  return `    '${node.path}') mapfile -t COMPREPLY < <(compgen -W '${[...words, ...flags].join(' ')}' -- "$current");${files} ;;\n`;
}
