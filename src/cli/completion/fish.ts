import type { CompletionFlag, CompletionNode } from './completion-tree.ts';

/** One line for each word and flag, each under the condition that its command stands on the line. */
export function fishCompletion(nodes: readonly CompletionNode[]): string {
  const paths = nodes.flatMap(({ path }) => (path === '' ? [] : [quoted(path)]));
  return `# fish completion for leasehold
function __leasehold_path
  set -l found
  for word in (commandline -opc)[2..]
    set -l longer (string join ' ' -- $found $word)
    contains -- $longer ${paths.join(' ')}; or break
    set -a found $word
  end
  string join ' ' -- $found
end
function __leasehold_at
  test (string join ' ' -- (__leasehold_path)) = "$argv"
end
complete -c leasehold -f
${nodes.flatMap(linesOf).join('')}`;
}

function linesOf(node: CompletionNode): readonly string[] {
  const base = `complete -c leasehold -n ${quoted(`__leasehold_at ${node.path}`.trim())}`;
  return [
    ...node.words.map(({ word, help }) => `${base} -a ${word}${help === '' ? '' : ` -d ${quoted(help)}`}\n`),
    ...node.flags.map((flag) => `${base} ${flagPart(flag)} -d ${quoted(flag.help)}\n`),
    ...(node.takesFiles ? [`${base} -F\n`] : []),
  ];
}

function flagPart({ flag, short, value }: CompletionFlag): string {
  const names = `${short === undefined ? '' : `-s ${short.slice(1)} `}-l ${flag.slice(2)}`;
  if (value === 'none') return names;
  if (value === 'file') return `${names} -r -F`;
  return value === 'any' ? `${names} -x` : `${names} -x -a ${quoted(value.join(' '))}`;
}

/** fish knows two escapes between single quotes. */
function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
