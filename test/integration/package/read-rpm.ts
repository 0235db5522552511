import { readFileSync } from 'node:fs';

/** What a .rpm says of itself, read from its header. */
export interface RpmFacts {
  readonly name: string;
  readonly architecture: string;
  readonly requires: readonly string[];
  /** Seconds since the Unix epoch. */
  readonly buildTime: number;
  /** By path. `flags` 1 is a configuration file, 16 one that an upgrade leaves as it is. */
  readonly files: ReadonlyMap<string, { readonly mode: number; readonly flags: number }>;
  readonly afterInstall: string;
}

const tags = {
  name: 1000,
  buildTime: 1006,
  architecture: 1022,
  afterInstall: 1024,
  modes: 1030,
  flags: 1037,
  requires: 1049,
  folderOf: 1116,
  names: 1117,
  folders: 1118,
} as const;

const leadBytes = 96;
const magic = 0x8eade801;

/** A header structure at an offset: its end, and how to look its tags up. Layout: the RPM package file format, section "Header". */
function readHeader(bytes: Buffer, offset: number) {
  if (bytes.readUInt32BE(offset) !== magic) throw new Error('this is not a header of a .rpm');
  const [count, size] = [bytes.readUInt32BE(offset + 8), bytes.readUInt32BE(offset + 12)];
  const store = offset + 16 + count * 16;
  const find = (tag: number) => {
    for (let entry = offset + 16; entry < store; entry += 16)
      if (bytes.readUInt32BE(entry) === tag)
        return { at: store + bytes.readUInt32BE(entry + 8), count: bytes.readUInt32BE(entry + 12) };
    throw new Error(`there is no tag ${tag}`);
  };
  return {
    end: store + size,
    texts: (tag: number): readonly string[] => {
      const { at, count: wanted } = find(tag);
      return bytes.toString('utf8', at, store + size).split('\0', wanted);
    },
    numbers: (tag: number, width: 2 | 4): readonly number[] => {
      const { at, count: wanted } = find(tag);
      return Array.from({ length: wanted }, (_, index) => bytes.readUIntBE(at + index * width, width));
    },
  };
}

export function readRpm(path: string): RpmFacts {
  const bytes = readFileSync(path);
  const signature = readHeader(bytes, leadBytes);
  const header = readHeader(bytes, Math.ceil(signature.end / 8) * 8);
  const folders = header.texts(tags.folders);
  const [folderOf, modes, flags] = [
    header.numbers(tags.folderOf, 4),
    header.numbers(tags.modes, 2),
    header.numbers(tags.flags, 4),
  ];
  const files = header.texts(tags.names).map((name, index) => {
    const facts = { mode: (modes[index] ?? 0) & 0o7777, flags: flags[index] ?? 0 };
    return [`${folders[folderOf[index] ?? -1] ?? ''}${name}`, facts] as const;
  });
  return {
    name: header.texts(tags.name)[0] ?? '',
    architecture: header.texts(tags.architecture)[0] ?? '',
    requires: header.texts(tags.requires),
    buildTime: header.numbers(tags.buildTime, 4)[0] ?? 0,
    afterInstall: header.texts(tags.afterInstall)[0] ?? '',
    files: new Map(files),
  };
}
