/** `*` stands for any run of characters, and nothing else is special. Linear in the value for each part, whatever the pattern. */
export function matchesPattern(pattern: string, value: string): boolean {
  const [head = '', ...parts] = pattern.split('*');
  const tail = parts.pop();
  if (tail === undefined) return value === pattern;
  if (!value.startsWith(head) || !value.endsWith(tail) || value.length < head.length + tail.length)
    return false;
  let at = head.length;
  for (const part of parts) {
    const found = value.indexOf(part, at);
    if (found === -1 || found + part.length > value.length - tail.length) return false;
    at = found + part.length;
  }
  return true;
}
