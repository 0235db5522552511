import { constants } from 'node:fs';
import { LeaseholdError } from '../../src/platform/error.ts';
import type { FileSpec, OutagePolicy, SecretValue } from '../../src/rpc/client/hold-messages.ts';
import {
  checkEntries,
  currentLink,
  generationFolderName,
  linkEntries,
  makeCurrent,
  readCurrent,
  sweep,
} from './entries.ts';
import { deliveryError, nodeFileSystem, orMissing, type FileSystem } from './file-system.ts';
import { keptFile, keptFolder, replaceKept, writeGenerationFolder } from './generation-folder.ts';
import { decodeKeptState, encodeKeptState, type KeptState } from './kept-state.ts';
import { checkLayout, generationFileName } from './layout.ts';
import { renderFiles, type RawSecrets, type RenderedFile } from './render.ts';
import { openSafeFolder, type SafeFolder } from './safe-folder.ts';
import { holdsAlready } from './write-file.ts';

/** One generation as it is to stand in the folder. */
export interface DeliveryOrder {
  readonly session: string;
  readonly requestKey: string;
  readonly generation: { readonly id: string; readonly number: number };
  readonly leased: boolean;
  readonly outage: OutagePolicy;
  readonly files: readonly FileSpec[];
  readonly secrets: readonly SecretValue[];
}

export interface DeliveryResult {
  /**
   * `unchanged`: the folder already held exactly this content and no file was touched. `incomplete`: nothing was done,
   * because the values of an unchanged secret are not here.
   */
  readonly outcome: 'changed' | 'unchanged' | 'incomplete';
  /** Paths whose owner this process may not set; they belong to it. */
  readonly ownerKept: readonly string[];
  /** False when the generation before could not be removed; the next delivery or start tries again. */
  readonly swept: boolean;
}

/** Owns one bundle's folder. Calls must not overlap. Throws `delivery_*` codes only. */
export interface Deliverer {
  /**
   * What an earlier process left whole and unchanged, after sweeping away what it left half; undefined when there is
   * nothing to resume, and then the folder is empty.
   */
  recover(): Promise<KeptState | undefined>;
  /** All or nothing: on any failure the generation before stays as it was. */
  deliver(order: DeliveryOrder): Promise<DeliveryResult>;
  /** Removes every file. Idempotent. The first step makes all of them disappear at once. */
  wipe(): Promise<void>;
}

export interface DelivererOptions {
  readonly target: string;
  readonly folder: string;
  readonly allowDisk: boolean;
  /** For files whose layout names none. */
  readonly defaultUid: number | undefined;
  readonly defaultGid: number | undefined;
  readonly effectiveUid: number;
  /** Of every folder that is made. Without others' read bit, names are for those who know them. Default 0755. */
  readonly folderMode?: number;
  /** The site's last word on owner and mode of a file, after the defaults. */
  readonly limit?: (file: FileSpec) => FileSpec;
  /** 16 hex digits. */
  readonly randomName: () => string;
  readonly fileSystem?: FileSystem;
}

export function createDeliverer(options: DelivererOptions): Deliverer {
  const fileSystem = options.fileSystem ?? nodeFileSystem;
  const { effectiveUid, folderMode = 0o755, limit = (file: FileSpec) => file } = options;
  const inFolder = async <T>(work: (folder: SafeFolder) => Promise<T>): Promise<T> => {
    await using folder = await openSafeFolder({ ...options, folderMode, fileSystem });
    try {
      return await work(folder);
    } catch (error) {
      throw deliveryError(error);
    }
  };

  const matches = async (folder: SafeFolder, generation: string, files: readonly RenderedFile[]) => {
    for (const file of files) {
      if (!(await holdsAlready(fileSystem, folder.at(`${generation}/${file.path}`), file, effectiveUid)))
        return false;
    }
    return true;
  };

  /** The generation is visible whether this succeeds or not; what is left goes with the next delivery or start. */
  const trySweep = async (folder: SafeFolder, generation: string, names: ReadonlySet<string>) => {
    try {
      await sweep(fileSystem, folder, { generation, names });
      return true;
    } catch {
      return false;
    }
  };

  return {
    recover: () =>
      inFolder(async (folder) => {
        const current = await readCurrent(fileSystem, folder);
        const kept = current === undefined ? undefined : await readKept(fileSystem, folder, current);
        if (current !== undefined && kept !== undefined && (await isWhole(kept))) {
          const names = entryNames(kept.files);
          await sweep(fileSystem, folder, { generation: current, names });
          await checkEntries(fileSystem, folder, [...names]);
          await linkEntries(fileSystem, folder, [...names]);
          return kept;
        }
        await removeAll(fileSystem, folder);
        return undefined;

        async function isWhole(state: KeptState): Promise<boolean> {
          try {
            checkLayout(state.files);
            return (
              current !== undefined &&
              (await matches(folder, current, renderFiles(state.files, state.secrets)))
            );
          } catch (error) {
            if (error instanceof LeaseholdError) return false;
            throw error;
          }
        }
      }),

    deliver: (order) =>
      inFolder(async (folder) => {
        const current = await readCurrent(fileSystem, folder);
        const before = current === undefined ? undefined : await readKept(fileSystem, folder, current);
        const files = order.files.map((file) => limit(withDefaults(file, options)));
        checkLayout(files);
        const secrets = completeSecrets(order.secrets, before?.secrets);
        if (secrets === undefined) return { outcome: 'incomplete', ownerKept: [], swept: true };
        const rendered = renderFiles(files, secrets);
        const kept = encodeKeptState({ ...order, files, secrets });
        const names = entryNames(files);
        await checkEntries(fileSystem, folder, [...names]);
        if (current !== undefined && before !== undefined && samePaths(before.files, files)) {
          if (await matches(folder, current, rendered)) {
            await replaceKept(fileSystem, folder, current, kept);
            return { outcome: 'unchanged', ownerKept: [], swept: await trySweep(folder, current, names) };
          }
        }
        const name = generationFolderName(order.generation.number, options.randomName());
        const content = { name, ...order.generation, files: rendered, kept };
        let ownerKept: readonly string[];
        try {
          ownerKept = await writeGenerationFolder({
            fileSystem,
            folder,
            content,
            previous: current,
            effectiveUid,
            folderMode,
          });
          await linkEntries(fileSystem, folder, [...names]);
          await makeCurrent(fileSystem, folder, name);
        } catch (error) {
          // What fails here as well is swept by the next delivery or the next start.
          const beforeNames = before === undefined ? undefined : entryNames(before.files);
          await sweep(fileSystem, folder, {
            generation: current,
            names: current === undefined ? new Set() : beforeNames,
          }).catch(() => undefined);
          throw error;
        }
        const swept = await trySweep(folder, name, names);
        return { outcome: 'changed', ownerKept, swept };
      }),

    wipe: () => inFolder((folder) => removeAll(fileSystem, folder)),
  };
}

/**
 * Nothing is overwritten first: the kernel clears the pages of a memory filesystem before anybody gets them again,
 * while overwriting in place would show torn values to a reader that has a file open.
 */
async function removeAll(fileSystem: FileSystem, folder: SafeFolder): Promise<void> {
  await fileSystem.rm(folder.at(currentLink), { force: true, recursive: true });
  await sweep(fileSystem, folder, { generation: undefined, names: new Set() });
}

async function readKept(
  fileSystem: FileSystem,
  folder: SafeFolder,
  generation: string,
): Promise<KeptState | undefined> {
  const path = folder.at(`${generation}/${keptFolder}/${keptFile}`);
  const handle = await orMissing(fileSystem.open(path, constants.O_RDONLY | constants.O_NOFOLLOW));
  if (handle === undefined) return undefined;
  try {
    return decodeKeptState(await handle.readFile());
  } finally {
    await handle.close();
  }
}

/** Undefined when an unchanged secret has no values here. */
function completeSecrets(
  secrets: readonly SecretValue[],
  before: RawSecrets | undefined,
): RawSecrets | undefined {
  const complete = new Map<string, ReadonlyMap<string, Uint8Array>>();
  for (const { name, fields } of secrets) {
    const values =
      fields === undefined
        ? before?.get(name)
        : new Map([...fields].map(([field, value]) => [field, value.open()]));
    if (values === undefined) return undefined;
    complete.set(name, values);
  }
  return complete;
}

function withDefaults(file: FileSpec, { defaultUid, defaultGid }: DelivererOptions): FileSpec {
  const uid = file.uid ?? defaultUid;
  const gid = file.gid ?? defaultGid;
  return { ...file, ...(uid === undefined ? {} : { uid }), ...(gid === undefined ? {} : { gid }) };
}

/** Names in the bundle's folder: the first segment of each path, and the generation file. */
function entryNames(files: readonly FileSpec[]): ReadonlySet<string> {
  return new Set([generationFileName, ...files.map((file) => file.path.split('/')[0] ?? '')]);
}

function samePaths(a: readonly FileSpec[], b: readonly FileSpec[]): boolean {
  const paths = new Set(a.map((file) => file.path));
  return a.length === b.length && b.every((file) => paths.has(file.path));
}
