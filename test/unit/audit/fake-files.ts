import { type AuditFileSystem, nodeAuditFileSystem } from '../../../src/audit/audit-file-system.ts';

/** What a real file system does, but for what a test makes of it. */
export interface FakeFiles extends AuditFileSystem {
  /** Throws as a disk does; undefined lets the call through. Bytes written before the throw are given first. */
  failWrite: { readonly code: string; readonly afterBytes: number } | undefined;
  failSync: string | undefined;
  failTruncate: string | undefined;
  /** Writes wait for this. */
  gate: Promise<void> | undefined;
}

export function createFakeFiles(): FakeFiles {
  const diskError = (code: string) => Object.assign(new Error('disk'), { code });
  const fake: FakeFiles = {
    failWrite: undefined,
    failSync: undefined,
    failTruncate: undefined,
    gate: undefined,
    ...nodeAuditFileSystem,
    open: async (path, which) => {
      const file = await nodeAuditFileSystem.open(path, which);
      return {
        stat: () => file.stat(),
        read: (into, offset, length, at) => file.read(into, offset, length, at),
        write: async (bytes, offset) => {
          await fake.gate;
          const failing = fake.failWrite;
          if (failing !== undefined) {
            if (failing.afterBytes > 0)
              await file.write(bytes.subarray(offset, offset + failing.afterBytes), 0);
            throw diskError(failing.code);
          }
          // Half at a time: a write may take less than it was given.
          const half = Math.ceil((bytes.byteLength - offset) / 2);
          return file.write(bytes.subarray(offset, offset + half), 0);
        },
        truncate: async (size) => {
          if (fake.failTruncate !== undefined) throw diskError(fake.failTruncate);
          await file.truncate(size);
        },
        datasync: async () => {
          if (fake.failSync !== undefined) throw diskError(fake.failSync);
          await file.datasync();
        },
        close: () => file.close(),
      };
    },
  };
  return fake;
}
