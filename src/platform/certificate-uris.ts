/** One name of the list that Node makes of the extension: `kind:value`, the value as a JSON string where it holds anything odd. */
const alternativeName = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/y;

/**
 * URIs among a certificate's names. A quoted value is skipped as a whole: splitting at commas would let a URI that contains
 * `, URI:...` pass for two. What cannot be read to the end has no names at all.
 */
export function uriNames(list: string): readonly string[] {
  const found: string[] = [];
  let at = 0;
  while (at < list.length) {
    alternativeName.lastIndex = at;
    const match = alternativeName.exec(list);
    if (match === null) return [];
    const [whole, kind, value = ''] = match;
    if (kind === 'URI' && !value.startsWith('"')) found.push(value);
    at += whole.length;
  }
  return found;
}
