import { readFile } from 'node:fs/promises';
import type { OwnVault } from '../../../src/demo/parts/vault.ts';
import { startDevelopmentVault } from '../../../src/demo/parts/vault.ts';
import { toolPath } from '../tools/find-tool.ts';
import { waitFor } from './wait-until-ready.ts';

export type { HttpMethod, VaultReply } from '../../../src/demo/parts/vault.ts';

/** The products that speak Vault's API; each is a tool of that name. */
export type VaultProduct = 'vault' | 'bao';

/** The Vault that the demo starts, and what tests do to it. */
export interface TestVault extends OwnVault {
  /** Until `unseal` it answers everything with 503, and forgets nothing. */
  seal(): Promise<void>;
  /** Resolves when it serves again. */
  unseal(): Promise<void>;
}

/** Starts a development-mode server: KV version 2 is already mounted at `secret/`. */
export const startVault = async (
  options: {
    /** Vault without it. */
    readonly product?: VaultProduct;
    readonly configuration?: string;
    readonly logLevel?: 'trace' | 'debug' | 'info' | 'warn' | 'error';
  } = {},
): Promise<TestVault> => {
  const { product = 'vault', ...settings } = options;
  const vault = await startDevelopmentVault({ program: toolPath(product), ...settings });
  return {
    ...vault,
    seal: async () => {
      await vault.call('PUT', 'sys/seal');
    },
    unseal: async () => {
      const key = /^Unseal Key: (\S+)$/m.exec(await readFile(vault.logFile, 'utf8'))?.[1];
      if (key === undefined) throw new Error('vault has not written its unseal key');
      await vault.call('PUT', 'sys/unseal', { key });
      await waitFor('the unsealed vault', vault.isServing);
    },
  };
};
