import type { FileSystem } from './file-system.ts';
import { generationFileName } from './layout.ts';
import type { RenderedFile } from './render.ts';
import type { SafeFolder } from './safe-folder.ts';
import { holdsAlready, writeNewFile } from './write-file.ts';
import { errnoOf } from './file-system.ts';

/** Folder inside a generation where only the deliverer can read; never linked from outside. */
export const keptFolder = '..raw';
export const keptFile = 'state.json';

const setGroupId = 0o2000;

export interface GenerationContent {
  /** Name of the generation's folder. */
  readonly name: string;
  readonly number: number;
  readonly id: string;
  readonly files: readonly RenderedFile[];
  readonly kept: Buffer;
}

/**
 * Writes a complete generation that nothing points to yet. Files that are the same as in `previous` become further
 * names of the same inode, so that a watcher of one file sees nothing when another one changes.
 * Returns the paths whose owner could not be set.
 */
export async function writeGenerationFolder(options: {
  readonly fileSystem: FileSystem;
  readonly folder: SafeFolder;
  readonly content: GenerationContent;
  readonly previous: string | undefined;
  readonly effectiveUid: number;
  readonly folderMode: number;
}): Promise<readonly string[]> {
  const { fileSystem, folder, content, previous, effectiveUid, folderMode } = options;
  const sync = !folder.isMemory;
  const root = folder.at(content.name);
  // Closed to everybody until it is complete.
  await fileSystem.mkdir(root, 0o700);
  const ownerKept: string[] = [];
  for (const subfolder of subfolders(content.files))
    await makeOpenFolder(fileSystem, `${root}/${subfolder}`, folderMode);
  for (const file of content.files) {
    const path = `${root}/${file.path}`;
    const before = previous === undefined ? undefined : folder.at(`${previous}/${file.path}`);
    if (before !== undefined && (await holdsAlready(fileSystem, before, file, effectiveUid))) {
      if (await linked(fileSystem, before, path)) continue;
    }
    if ((await writeNewFile(fileSystem, path, file, { sync })).ownerKept) ownerKept.push(file.path);
  }
  await writeNewFile(fileSystem, `${root}/${generationFileName}`, generationFile(content), { sync });
  await fileSystem.mkdir(`${root}/${keptFolder}`, 0o700);
  await writeNewFile(fileSystem, `${root}/${keptFolder}/${keptFile}`, closedFile(content.kept), { sync });
  await openUp(fileSystem, root, folderMode);
  return ownerKept;
}

/** Replaces the kept state of a generation whose files stay as they are. */
export async function replaceKept(
  fileSystem: FileSystem,
  folder: SafeFolder,
  generation: string,
  kept: Buffer,
): Promise<void> {
  const path = folder.at(`${generation}/${keptFolder}/${keptFile}`);
  await fileSystem.rm(`${path}.new`, { force: true });
  await writeNewFile(fileSystem, `${path}.new`, closedFile(kept), { sync: !folder.isMemory });
  await fileSystem.rename(`${path}.new`, path);
}

/** For programs that watch one file: changes exactly when the delivered content does. */
function generationFile(content: GenerationContent) {
  return {
    mode: 0o444,
    uid: undefined,
    gid: undefined,
    content: Buffer.from(`${content.number} ${content.id}\n`, 'utf8'),
  };
}

function closedFile(content: Buffer) {
  return { mode: 0o600, uid: undefined, gid: undefined, content };
}

/** The kernel refuses to link to a file that has been given to another owner; it is then written once more. */
async function linked(fileSystem: FileSystem, from: string, to: string): Promise<boolean> {
  try {
    await fileSystem.link(from, to);
    return true;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'EPERM' || errno === 'EMLINK' || errno === 'ENOENT') return false;
    throw error;
  }
}

/** Parents before children. */
function subfolders(files: readonly RenderedFile[]): readonly string[] {
  const all = new Set<string>();
  for (const file of files) {
    const segments = file.path.split('/');
    for (let depth = 1; depth < segments.length; depth += 1) all.add(segments.slice(0, depth).join('/'));
  }
  return [...all].sort((a, b) => a.split('/').length - b.split('/').length);
}

async function makeOpenFolder(fileSystem: FileSystem, path: string, open: number): Promise<void> {
  await fileSystem.mkdir(path, 0o700);
  await openUp(fileSystem, path, open);
}

/** Keeps an inherited set-group-id bit, through which files get the group that a volume is shared by. */
async function openUp(fileSystem: FileSystem, path: string, open: number): Promise<void> {
  const { mode } = await fileSystem.lstat(path);
  await fileSystem.chmod(path, (mode & setGroupId) | open);
}
