import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

export const root = join(import.meta.dirname, '..', '..');

/** A Markdown file of the repository. */
export interface Document {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
}

/** Every Markdown file that belongs to the repository, committed or about to be. */
export const readDocuments = (): readonly Document[] =>
  execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '*.md'], {
    cwd: root,
    encoding: 'utf8',
  })
    .split('\0')
    .filter((path) => path !== '')
    .flatMap((path) => {
      try {
        return [{ path, text: readFileSync(join(root, path), 'utf8') }];
      } catch {
        // Deleted in the working tree but not yet in the index.
        return [];
      }
    });

/** What a reader would type: code spans, and lines of indented or fenced blocks. A line may hold several, joined by `&&`. */
export const commandsIn = ({ text }: Document): readonly string[] => {
  const { fenced, prose } = splitFences(text);
  const indented = prose.split('\n').filter((line) => /^ {4,}\S/.test(line));
  const spans = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);
  return [...fenced, ...indented, ...spans].flatMap((line) =>
    line
      .split('&&')
      .map((part) => part.trim().replace(/^\$ /, ''))
      .filter((part) => /^(leasehold|npm) [a-z-]/.test(part)),
  );
};

const splitFences = (text: string): { readonly fenced: readonly string[]; readonly prose: string } => {
  const parts = text.split(/^```.*$/m);
  return {
    fenced: parts.filter((_, index) => index % 2 === 1).flatMap((part) => part.split('\n')),
    prose: parts.filter((_, index) => index % 2 === 0).join('\n'),
  };
};

/** Targets of the links in a document that lead into the repository, with the anchor where there is one. */
export const linksIn = (
  document: Document,
): readonly { readonly file: string; readonly anchor: string | undefined }[] =>
  [
    ...splitFences(document.text)
      .prose.replaceAll(/`[^`\n]*`/g, '')
      .matchAll(/\]\(([^)\s]+)\)/g),
  ]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [file = '', anchor] = target.split('#');
      const path = file === '' ? document.path : relative(root, join(root, dirname(document.path), file));
      return { file: path, anchor };
    });

/** Anchors that a reader's browser gets from the headings. */
export const anchorsOf = ({ text }: Document): readonly string[] =>
  [...splitFences(text).prose.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(/\s/g, '-'),
  );
