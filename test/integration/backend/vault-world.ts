import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Backend, BackendSecret } from '../../../src/backend/backend.ts';
import { setupDocument } from '../../../src/backend/setup/setup-document.ts';
import { createVaultBackend } from '../../../src/backend/vault/vault-backend.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { silentLog } from '../../../src/platform/log.ts';
import type { Bundle, SecretSource } from '../../../src/policy/bundle.ts';
import { textAt } from '../../support/json.ts';
import type { VaultWithPostgres } from '../../support/parts/vault-with-postgres.ts';
import { createTempFolder } from '../../support/temp-folder.ts';
import type { BackendWorld } from '../../contract/backend-contract.ts';

export const leased: SecretSource = {
  name: 'db',
  kind: 'leased',
  path: 'database/creds/app',
  engine: 'read',
};
export const kv: SecretSource = { name: 'kv', kind: 'static', path: 'secret/data/contract', engine: 'kv2' };
export const emptyKv: SecretSource = { ...kv, name: 'empty', path: 'secret/data/empty' };
const otherKv: SecretSource = { ...kv, name: 'other', path: 'secret/data/other' };

/** A bundle with nothing but what the backend needs to know. */
export const aBundle = (name: string, secrets: readonly SecretSource[]): Bundle => ({
  name,
  tokenRole: `leasehold-${name}`,
  secrets,
  files: [],
  ttlSeconds: 3600,
  maxSeconds: 24 * 3600,
  overlapSeconds: 60,
  refreshSeconds: 60,
  outage: { mode: 'keep', afterSeconds: 0 },
  perNode: false,
  nodeWithoutSecrets: 'fail_tasks',
});

export const bundles = [aBundle('app', [leased, kv, emptyKv]), aBundle('other', [otherKv])];

/** Writes policies and roles with the root token, exactly as printed. */
export const applySetup = async (
  parts: VaultWithPostgres,
  options: {
    readonly probationSeconds: number;
    readonly brokerPolicyName: string;
    readonly bundles?: readonly Bundle[];
  },
): Promise<void> => {
  const setup = setupDocument({ bundles, ...options });
  for (const { name, hcl } of [setup.brokerPolicy, ...setup.readPolicies])
    await parts.vault.call('PUT', `sys/policies/acl/${name}`, { policy: hcl });
  for (const { name, fields } of setup.tokenRoles) {
    // A field that is left out of a write keeps what it had.
    await parts.vault.call('DELETE', `auth/token/roles/${name}`);
    await parts.vault.call('POST', `auth/token/roles/${name}`, fields);
  }
};

/** A token for the broker: the printed policy and nothing else. */
export const brokerToken = async (
  parts: VaultWithPostgres,
  policy: string,
  options: Readonly<Record<string, unknown>> = {},
): Promise<string> => {
  const made = await parts.vault.call('POST', 'auth/token/create-orphan', {
    policies: [policy],
    no_default_policy: true,
    ttl: '1h',
    ...options,
  });
  return textAt(made, 'auth', 'client_token');
};

export const fieldOf = (secret: BackendSecret, name: string): string =>
  Buffer.from(secret.fields.get(name)?.open() ?? new Uint8Array()).toString('utf8');

/** The real adapter, logged in by a token. */
export const openVaultBackend = (
  address: string,
  options: { readonly tokenFile: string; readonly probationSeconds: number },
) => {
  const { tokenFile, probationSeconds } = options;
  const auth = { kind: 'token', tokenFile } as const;
  return createVaultBackend({
    config: { address, auth, requestLimitSeconds: 90, probationSeconds },
    clock: systemClock,
    log: silentLog,
  });
};

/** The contract's world on real parts; the parts stay the caller's. */
export const createVaultWorld = async (parts: VaultWithPostgres): Promise<BackendWorld> => {
  const folder = await createTempFolder({ name: 'broker-token' });
  // What has to be done meanwhile takes long on a busy machine.
  const shortProbationSeconds = 8;
  const open = async (probationSeconds: number): Promise<Backend> => {
    const policy = `leasehold-broker-${probationSeconds}`;
    await applySetup(parts, { probationSeconds, brokerPolicyName: policy });
    const tokenFile = join(folder.path, policy);
    await writeFile(tokenFile, await brokerToken(parts, policy), { mode: 0o600 });
    return openVaultBackend(parts.vault.address, { tokenFile, probationSeconds });
  };
  const backend = await open(60);
  const shortLived = await open(shortProbationSeconds);
  return {
    backend,
    shortLived,
    shortProbationSeconds,
    tokenRole: 'leasehold-app',
    otherTokenRole: 'leasehold-other',
    leased,
    kv,
    emptyKv,
    writeKv: async (values) => {
      await parts.vault.call('POST', kv.path, { data: values });
    },
    worksNow: (secret) => parts.canLogin(fieldOf(secret, 'username'), fieldOf(secret, 'password')),
    passShortProbation: () =>
      systemClock.sleep(shortProbationSeconds * 1000 + 1500, AbortSignal.timeout(60_000)),
    close: async () => {
      await backend[Symbol.asyncDispose]();
      await shortLived[Symbol.asyncDispose]();
      await folder.remove();
    },
  };
};
