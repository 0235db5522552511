import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { createVaultBackend } from '../../../../src/backend/vault/vault-backend.ts';
import type { VaultBackend } from '../../../../src/backend/vault/vault-backend.ts';
import type { VaultConfig } from '../../../../src/backend/vault/vault-config.ts';
import type { Clock } from '../../../../src/platform/clock.ts';
import { systemClock } from '../../../../src/platform/clock.ts';
import { createLog, describeError } from '../../../../src/platform/log.ts';
import type { TempFolder } from '../../../support/temp-folder.ts';
import { createTempFolder } from '../../../support/temp-folder.ts';

/** Appears in the broker's token; must appear nowhere else. */
export const tokenCanary = 'hvs.broker-token-canary';

/** A backend on a fake server, everything it logged, and what to close. */
export interface OpenBackend extends AsyncDisposable {
  readonly backend: VaultBackend;
  readonly logged: readonly string[];
  readonly folder: TempFolder;
}

/** Waits between retries pass at once. */
export const hastyClock: Clock = {
  ...systemClock,
  sleep: (_ms, signal) => systemClock.sleep(0, signal),
};

export async function openBackend(
  address: string,
  options: { readonly config?: Partial<VaultConfig>; readonly clock?: Clock } = {},
): Promise<OpenBackend> {
  const folder = await createTempFolder({ name: 'vault-unit' });
  const tokenFile = join(folder.path, 'token');
  await writeFile(tokenFile, `${tokenCanary}\n`, { mode: 0o600 });
  const logged: string[] = [];
  const backend = await createVaultBackend({
    config: {
      address,
      auth: { kind: 'token', tokenFile },
      requestLimitSeconds: 90,
      probationSeconds: 60,
      ...options.config,
    },
    clock: options.clock ?? hastyClock,
    log: createLog({
      level: 'debug',
      name: 'test',
      destination: { write: (line) => void logged.push(line) },
    }),
    random: () => 0.5,
  });
  return {
    backend,
    logged,
    folder,
    [Symbol.asyncDispose]: async () => {
      await backend[Symbol.asyncDispose]();
      await folder.remove();
    },
  };
}

/** Everything that a careless program might print of an error. */
export function everythingOf(error: unknown): string {
  return [
    inspect(error, { depth: Infinity, showHidden: true }),
    JSON.stringify(describeError(error)),
    String(error),
    error instanceof Error ? (error.stack ?? '') : '',
  ].join('\n');
}
