import type { CompletionFlag, CompletionNode } from './completion-tree.ts';
import { singleQuoted } from './single-quoted.ts';

/** Goes to a file named `_leasehold` in the function path, or is sourced after `compinit`. */
export function zshCompletion(nodes: readonly CompletionNode[]): string {
  return `#compdef leasehold
# zsh completion for leasehold
_leasehold() {
  local current=\${words[CURRENT]} previous=\${words[CURRENT-1]} leaseholdpath="" word index
  local -a candidates
  for ((index = 2; index < CURRENT; index++)); do
    word=\${words[index]}
    case "\${leaseholdpath:+$leaseholdpath }$word" in
      ${nodes.flatMap(({ path }) => (path === '' ? [] : [`'${path}'`])).join('|')}) leaseholdpath="\${leaseholdpath:+$leaseholdpath }$word" ;;
      *) break ;;
    esac
  done
  case "$leaseholdpath $previous" in
${nodes.flatMap(flagCases).join('')}  esac
  case "$leaseholdpath" in
${nodes.map(wordCase).join('')}  esac
}
if [[ $funcstack[1] == _leasehold ]]; then _leasehold "$@"; else compdef _leasehold leasehold; fi
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

function flagAction({ value, help }: CompletionFlag): string {
  if (value === 'file') return '_files';
  if (value === 'any' || value === 'none') return `_message -r ${singleQuoted(help)}`;
  return `compadd -- ${value.join(' ')}`;
}

function wordCase(node: CompletionNode): string {
  const described = [
    ...node.words.map(({ word, help }) => (help === '' ? word : `${word}:${help.replaceAll(':', '\\:')}`)),
    ...node.flags.map(({ flag, help }) => `${flag}:${help.replaceAll(':', '\\:')}`),
  ];
  const files = node.takesFiles ? ' _files;' : '';
  return `    '${node.path}') candidates=(${described.map(singleQuoted).join(' ')}); _describe 'leasehold' candidates;${files} ;;\n`;
}
