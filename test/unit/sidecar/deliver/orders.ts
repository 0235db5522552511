import { Secret } from '../../../../src/platform/secret.ts';
import type { FileSpec } from '../../../../src/rpc/client/hold-messages.ts';
import { createDeliverer, type DeliveryOrder } from '../../../../sidecar/deliver/deliverer.ts';
import type { FileSystem } from '../../../../sidecar/deliver/file-system.ts';

export const defaultFiles: readonly FileSpec[] = [
  { path: 'user', mode: 0o440, content: { format: 'raw', secret: 'login', field: 'user' } },
  { path: 'deep/er/password', mode: 0o400, content: { format: 'raw', secret: 'login', field: 'password' } },
  { path: 'ca', mode: 0o440, content: { format: 'raw', secret: 'fixed', field: 'ca' } },
];

/** A generation whose user and password carry the same mark, so that a mixture would show. */
export function order(
  mark: string,
  options: {
    readonly number?: number;
    readonly files?: readonly FileSpec[];
    readonly unchanged?: readonly string[];
  } = {},
): DeliveryOrder {
  const secrets = {
    login: { user: `user-${mark}`, password: `password-${mark}` },
    fixed: { ca: 'the same in all' },
  };
  return {
    session: 'ses_aaaaaaaaaaaaaaaaaaaaaaaaaa',
    requestKey: 'req_aaaaaaaaaaaaaaaaaaaaaaaaaa',
    generation: { id: `gen-${mark}`, number: options.number ?? 1 },
    leased: true,
    outage: { mode: 'keep', afterSeconds: 0 },
    files: options.files ?? defaultFiles,
    secrets: Object.entries(secrets).map(([name, fields]) => ({
      name,
      fields: options.unchanged?.includes(name)
        ? undefined
        : new Map(Object.entries(fields).map(([field, value]) => [field, Secret.ofText(value)])),
    })),
  };
}

let count = 0;

export function delivererIn(
  target: string,
  options: {
    readonly allowDisk?: boolean;
    readonly fileSystem?: FileSystem;
    readonly effectiveUid?: number;
  } = {},
) {
  return createDeliverer({
    target,
    folder: 'db',
    allowDisk: options.allowDisk ?? false,
    defaultUid: undefined,
    defaultGid: undefined,
    effectiveUid: options.effectiveUid ?? process.geteuid?.() ?? 0,
    randomName: () => {
      count += 1;
      return count.toString(16).padStart(16, '0');
    },
    ...(options.fileSystem === undefined ? {} : { fileSystem: options.fileSystem }),
  });
}
