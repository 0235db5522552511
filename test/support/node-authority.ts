import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type EnrolmentSetup, pkiRole, signingPolicy } from '../../src/backend/setup/pki-role.ts';
import { createVaultBackend } from '../../src/backend/vault/vault-backend.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { textAt } from './json.ts';
import { startVault, type TestVault, type VaultProduct } from './parts/vault.ts';
import { cluster, type NodeAuthority, trustDomain } from './slurm-broker.ts';
import { createTempFolder } from './temp-folder.ts';

/** A PKI engine at a real Vault of its own, with the printed role, and a broker's token that has the printed policy alone. */
export interface RealNodeAuthority extends AsyncDisposable {
  readonly vault: TestVault;
  readonly authority: NodeAuthority;
  /** That token. */
  readonly tokenFile: string;
}

export async function startNodeAuthority(
  options: { readonly product?: VaultProduct; readonly certificateSeconds?: number } = {},
): Promise<RealNodeAuthority> {
  await using building = new AsyncDisposableStack();
  const folder = building.use(await createTempFolder({ name: 'node-authority' }));
  const vault = await startVault(options.product === undefined ? {} : { product: options.product });
  building.defer(() => vault.stop());
  const setup: EnrolmentSetup = {
    mount: 'pki-nodes',
    role: 'leasehold-node',
    certificateSeconds: options.certificateSeconds ?? 3_600,
    trustDomain,
    clusters: [cluster],
  };
  await vault.call('POST', 'sys/mounts/pki-nodes', { type: 'pki', config: { max_lease_ttl: '8760h' } });
  const root = await vault.call('POST', 'pki-nodes/root/generate/internal', {
    common_name: 'Nodes of hpc',
    key_type: 'ec',
    ttl: '8000h',
  });
  const { path, fields } = pkiRole(setup);
  await vault.call('POST', path, fields);
  await vault.call('PUT', 'sys/policies/acl/leasehold-broker', {
    policy: `${signingPolicy(setup)}path "auth/token/lookup-self" {\n  capabilities = ["read"]\n}\n`,
  });
  const made = await vault.call('POST', 'auth/token/create-orphan', {
    policies: ['leasehold-broker'],
    no_default_policy: true,
    ttl: '1h',
  });
  const tokenFile = join(folder.path, 'token');
  await writeFile(tokenFile, textAt(made, 'auth', 'client_token'), { mode: 0o600 });
  const signer = building.use(
    await createVaultBackend({
      config: {
        address: vault.address,
        auth: { kind: 'token', tokenFile },
        requestLimitSeconds: 90,
        probationSeconds: 60,
      },
      clock: systemClock,
      log: silentLog,
    }),
  );
  const owned = building.move();
  const { mount, role, certificateSeconds } = setup;
  return {
    vault,
    tokenFile,
    authority: { signer, root: textAt(root, 'data', 'certificate'), mount, role, certificateSeconds },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
