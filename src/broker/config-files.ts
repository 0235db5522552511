import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemCode } from '../platform/small-file.ts';
import type { BrokerConfig } from './config.ts';

interface NamedFile {
  readonly key: string;
  readonly file: string;
  /** Permission bits that it must not have. */
  readonly closed: number;
  /** Made by the broker where it is not there yet. */
  readonly made: boolean;
}

/** Everybody may read these; whoever could write them would decide who gets what. */
const publicFile = { closed: 0o002, made: false };
/** Readable by owner and group: a pod's volumes give files to the pod's group. */
const secretFile = { closed: 0o007, made: false };
/** As the ledger and the audit log themselves insist. */
const ledgerFile = { closed: 0o077, made: true };
const auditFile = { closed: 0o022, made: true };

/** One line for each file that the configuration names and the broker could not use. */
export async function brokenFiles(config: BrokerConfig): Promise<readonly string[]> {
  const lines = await Promise.all(
    namedFiles(config).map(async (named) => {
      const rule = await brokenRule(named);
      return rule === undefined ? [] : [`${named.key}: ${rule}`];
    }),
  );
  return lines.flat();
}

function namedFiles(config: BrokerConfig): readonly NamedFile[] {
  const files: NamedFile[] = [];
  const add = (kind: Omit<NamedFile, 'key' | 'file'>, key: string, file: string | undefined) => {
    if (file !== undefined) files.push({ key, file, ...kind });
  };
  const { workloads, admin, nodes, clusters, slurm, policy, backend, ledger, audit } = config;
  add(publicFile, 'workloads.tls.certificate', workloads.tls.certificate);
  add(secretFile, 'workloads.tls.key', workloads.tls.key);
  add(publicFile, 'admin.tls.certificate', admin.tls.certificate);
  add(secretFile, 'admin.tls.key', admin.tls.key);
  add(publicFile, 'admin.tls.clientCa', admin.tls.clientCa);
  for (const [index, { keys, api }] of clusters.entries()) {
    if ('file' in keys) add(publicFile, `clusters[${index}].keys.file`, keys.file);
    if ('url' in keys) add(publicFile, `clusters[${index}].keys.ca`, keys.ca);
    // A kubeconfig holds credentials as a rule, and is closed to others by those who write it.
    if ('kubeconfig' in api) add(secretFile, `clusters[${index}].api.kubeconfig`, api.kubeconfig);
  }
  if (nodes !== undefined) {
    add(publicFile, 'nodes.tls.certificate', nodes.tls.certificate);
    add(secretFile, 'nodes.tls.key', nodes.tls.key);
    add(publicFile, 'nodes.tls.clientCa', nodes.tls.clientCa);
  }
  for (const [index, { keys }] of (slurm ?? []).entries())
    add(publicFile, `slurm[${index}].keys.file`, keys.file);
  add(publicFile, 'policy.file', policy.file);
  const { ca, auth } = backend.vault;
  add(publicFile, 'backend.vault.ca', ca);
  switch (auth.kind) {
    case 'token':
      add(secretFile, 'backend.vault.auth.tokenFile', auth.tokenFile);
      break;
    case 'appRole':
      add(publicFile, 'backend.vault.auth.appRole.roleIdFile', auth.roleIdFile);
      add(secretFile, 'backend.vault.auth.appRole.secretIdFile', auth.secretIdFile);
      break;
    case 'jwt':
      // A kubelet's projected token is 0644 unless the pod has an fsGroup, and short-lived.
      add(publicFile, 'backend.vault.auth.jwt.tokenFile', auth.tokenFile);
      break;
  }
  if ('sqlite' in ledger) add(ledgerFile, 'ledger.sqlite.file', ledger.sqlite.file);
  else {
    const { passwordFile, tls } = ledger.postgres;
    add(secretFile, 'ledger.postgres.passwordFile', passwordFile);
    if (tls.mode === 'verify-full') add(publicFile, 'ledger.postgres.tls.ca', tls.ca);
  }
  if (audit.sink.kind === 'file') add(auditFile, 'audit.file', audit.sink.file);
  add(secretFile, 'audit.hmacKeyFile', audit.hmacKeyFile);
  add(secretFile, 'audit.signing.keyFile', audit.signing?.keyFile);
  add(secretFile, 'audit.signing.previousKeyFile', audit.signing?.previousKeyFile);
  add(auditFile, 'audit.signing.headsFile', audit.signing?.headsFile);
  return files;
}

async function brokenRule({ file, closed, made }: NamedFile): Promise<string | undefined> {
  try {
    const status = await stat(file);
    if (!status.isFile()) return 'is not a file';
    await access(file, made ? constants.R_OK | constants.W_OK : constants.R_OK);
    if ((status.mode & closed) === 0) return undefined;
    return `must be closed to others (no permission bit of ${closed.toString(8).padStart(4, '0')})`;
  } catch (error) {
    const code = systemCode(error);
    if (!made || code !== 'ENOENT') return `the file cannot be ${made ? 'used' : 'read'} (${code})`;
  }
  try {
    await access(dirname(file), constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return `the file cannot be made in its folder (${systemCode(error)})`;
  }
}
