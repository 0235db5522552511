import { LeaseholdError } from '../../src/platform/error.ts';
import { orMissing, type FileSystem } from './file-system.ts';
import type { SafeFolder } from './safe-folder.ts';

/** The one name whose change makes a generation visible. */
export const currentLink = '..data';
const newCurrentLink = '..data_new';
const newEntryLink = '..link_new';
const generationName = /^\.\.[0-9]{1,16}_[0-9a-f]{16}$/;

/** Name of a generation's folder: `..<number>_<16 hex digits>`. */
export function generationFolderName(number: number, random: string): string {
  return `..${number}_${random}`;
}

/** The generation folder that is visible now; undefined when there is none or the link is not one of ours. */
export async function readCurrent(fileSystem: FileSystem, folder: SafeFolder): Promise<string | undefined> {
  const link = await orMissing(fileSystem.lstat(folder.at(currentLink)));
  if (link === undefined || !link.isSymbolicLink()) return undefined;
  const name = await fileSystem.readlink(folder.at(currentLink));
  if (!generationName.test(name)) return undefined;
  return (await orMissing(fileSystem.lstat(folder.at(name))))?.isDirectory() === true ? name : undefined;
}

/** The switch: a rename over the link, which a reader sees before or after, never in between. */
export async function makeCurrent(fileSystem: FileSystem, folder: SafeFolder, name: string): Promise<void> {
  await fileSystem.rm(folder.at(newCurrentLink), { force: true, recursive: true });
  await fileSystem.symlink(name, folder.at(newCurrentLink));
  await fileSystem.rename(folder.at(newCurrentLink), folder.at(currentLink));
}

/**
 * Throws `delivery_unsafe` when a name that a delivery needs is taken by something that no delivery has made; nothing
 * has been touched then.
 */
export async function checkEntries(
  fileSystem: FileSystem,
  folder: SafeFolder,
  names: readonly string[],
): Promise<void> {
  for (const name of [currentLink, ...names]) {
    const found = await orMissing(fileSystem.lstat(folder.at(name)));
    if (found !== undefined && !found.isSymbolicLink()) {
      throw new LeaseholdError('delivery_unsafe', {
        detail: 'the folder of a bundle holds a file or folder under a name that the delivery needs',
      });
    }
  }
}

/** Makes `name` → `..data/name`. Before the switch such a link leads nowhere, so all new names appear at once. */
export async function linkEntries(
  fileSystem: FileSystem,
  folder: SafeFolder,
  names: readonly string[],
): Promise<void> {
  for (const name of names) {
    const wanted = `${currentLink}/${name}`;
    const found = await orMissing(fileSystem.lstat(folder.at(name)));
    // Whatever another link points to, it is replaced and never followed.
    if (found !== undefined && (await fileSystem.readlink(folder.at(name))) === wanted) continue;
    await fileSystem.rm(folder.at(newEntryLink), { force: true, recursive: true });
    await fileSystem.symlink(wanted, folder.at(newEntryLink));
    await fileSystem.rename(folder.at(newEntryLink), folder.at(name));
  }
}

/**
 * Removes what earlier deliveries left: other generations, half-made links, and entries that are not in `names`; with
 * `names` undefined, entries stay.
 */
export async function sweep(
  fileSystem: FileSystem,
  folder: SafeFolder,
  keep: { readonly generation: string | undefined; readonly names: ReadonlySet<string> | undefined },
): Promise<void> {
  for (const name of await fileSystem.readdir(folder.at(''))) {
    if (name === keep.generation || name === currentLink || keep.names?.has(name) === true) continue;
    if (generationName.test(name)) {
      await fileSystem.rm(folder.at(name), { recursive: true, force: true });
    } else if (name === newCurrentLink || name === newEntryLink) {
      await fileSystem.rm(folder.at(name), { force: true, recursive: true });
    } else if (keep.names !== undefined && (await isEntryLink(fileSystem, folder, name))) {
      await fileSystem.unlink(folder.at(name));
    }
  }
}

async function isEntryLink(fileSystem: FileSystem, folder: SafeFolder, name: string): Promise<boolean> {
  const found = await orMissing(fileSystem.lstat(folder.at(name)));
  if (found === undefined || !found.isSymbolicLink()) return false;
  return (await fileSystem.readlink(folder.at(name))).startsWith(`${currentLink}/`);
}
