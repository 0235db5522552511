import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemCode } from '../platform/small-file.ts';
import type { BrokerConfig } from './config.ts';

/**
 * `public`: has to be readable. `secret`: and must be closed to other users. `created`: the broker makes it, so its folder has to take it;
 * where it exists already it must be closed to other users.
 */
type Kind = 'public' | 'secret' | 'created';

interface NamedFile {
  readonly key: string;
  readonly file: string;
  readonly kind: Kind;
}

/** One line for each file that the configuration names and the broker could not use. */
export async function brokenFiles(config: BrokerConfig): Promise<readonly string[]> {
  const lines = await Promise.all(
    namedFiles(config).map(async ({ key, file, kind }) => {
      const rule = await brokenRule(file, kind);
      return rule === undefined ? [] : [`${key}: ${rule}`];
    }),
  );
  return lines.flat();
}

function namedFiles(config: BrokerConfig): readonly NamedFile[] {
  const files: NamedFile[] = [];
  const add = (kind: Kind, key: string, file: string | undefined) => {
    if (file !== undefined) files.push({ key, file, kind });
  };
  const { workloads, admin, clusters, policy, backend, ledger, audit } = config;
  add('public', 'workloads.tls.certificate', workloads.tls.certificate);
  add('secret', 'workloads.tls.key', workloads.tls.key);
  add('public', 'admin.tls.certificate', admin.tls.certificate);
  add('secret', 'admin.tls.key', admin.tls.key);
  add('public', 'admin.tls.clientCa', admin.tls.clientCa);
  for (const [index, { keys, api }] of clusters.entries()) {
    if ('file' in keys) add('public', `clusters[${index}].keys.file`, keys.file);
    if ('url' in keys) add('public', `clusters[${index}].keys.ca`, keys.ca);
    // A kubeconfig holds credentials as a rule, and is closed to others by those who write it.
    if ('kubeconfig' in api) add('secret', `clusters[${index}].api.kubeconfig`, api.kubeconfig);
  }
  add('public', 'policy.file', policy.file);
  const { ca, auth } = backend.vault;
  add('public', 'backend.vault.ca', ca);
  switch (auth.kind) {
    case 'token':
      add('secret', 'backend.vault.auth.tokenFile', auth.tokenFile);
      break;
    case 'appRole':
      add('public', 'backend.vault.auth.appRole.roleIdFile', auth.roleIdFile);
      add('secret', 'backend.vault.auth.appRole.secretIdFile', auth.secretIdFile);
      break;
    case 'jwt':
      // A kubelet's projected token is 0644 unless the pod has an fsGroup, and short-lived.
      add('public', 'backend.vault.auth.jwt.tokenFile', auth.tokenFile);
      break;
  }
  add('created', 'ledger.sqlite.file', ledger.sqlite.file);
  add('created', 'audit.file', audit.file);
  add('secret', 'audit.hmacKeyFile', audit.hmacKeyFile);
  return files;
}

async function brokenRule(file: string, kind: Kind): Promise<string | undefined> {
  try {
    const status = await stat(file);
    if (!status.isFile()) return 'is not a file';
    await access(file, kind === 'created' ? constants.R_OK | constants.W_OK : constants.R_OK);
    if (kind !== 'public' && (status.mode & 0o007) !== 0)
      return 'must be closed to other users (mode 0640 or less)';
    if ((status.mode & 0o002) !== 0) return 'must not be writable by everyone';
    return undefined;
  } catch (error) {
    const code = systemCode(error);
    if (kind !== 'created' || code !== 'ENOENT')
      return `the file cannot be ${kind === 'created' ? 'used' : 'read'} (${code})`;
  }
  try {
    await access(dirname(file), constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return `the file cannot be made in its folder (${systemCode(error)})`;
  }
}
