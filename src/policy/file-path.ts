const segment = /^[A-Za-z0-9_.@+-]{1,128}$/;
const maxLength = 512;
const maxDepth = 8;

/** Which rule the path of a delivered file breaks; undefined when it is fine. */
export function brokenFilePathRule(path: string): string | undefined {
  if (path.length > maxLength) return 'must have at most 512 characters';
  const segments = path.split('/');
  if (segments.length > maxDepth) return 'must have at most 8 segments';
  if (segments.includes('')) return 'must be relative, without empty segments and without a slash at its end';
  // The delivered folder's own names start with two dots, as kubelet's do.
  if (segments.some((part) => part === '.' || part.startsWith('..')))
    return 'must have no segment that is . or starts with ..';
  if (!segments.every((part) => segment.test(part)))
    return 'may have letters, digits and _ . @ + - in its segments, nothing else';
  if (segments[0] === 'generation')
    return 'must not start with generation, which is the name of the version file';
  return undefined;
}

/** The first path that lies below another of the same bundle, which would have to be a file and a folder. */
export function nestedFilePath(paths: readonly string[]): string | undefined {
  const all = new Set(paths);
  return paths.find((path) => {
    const segments = path.split('/');
    return segments.some((_, index) => index > 0 && all.has(segments.slice(0, index).join('/')));
  });
}
