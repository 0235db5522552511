import { mkdirSync, mkdtempSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type Authority, createAuthority } from './authority/certificates.ts';

/** The demo's own folder, on a memory filesystem where the machine has one. */
export interface DemoFiles {
  readonly folder: string;
  readonly onMemory: boolean;
  readonly ca: string;
  readonly serverCertificate: string;
  readonly serverKey: string;
  readonly adminCertificate: string;
  readonly adminKey: string;
  readonly ledger: string;
  readonly audit: string;
  /** Public half of the key that signs its heads, and the heads themselves. */
  readonly auditKey: string;
  readonly auditHeads: string;
}

/** Magic number of tmpfs in statfs(2). */
const tmpfsMagic = 0x01021994;

export const demoAdmin = 'demo-admin';

function memoryFolder(): string | undefined {
  try {
    return statfsSync('/dev/shm').type === tmpfsMagic ? '/dev/shm' : undefined;
  } catch {
    return undefined;
  }
}

export function writeDemoFiles(
  authority: Authority = createAuthority({ commonName: 'Leasehold demo' }),
): DemoFiles {
  const memory = memoryFolder();
  const folder = mkdtempSync(join(memory ?? tmpdir(), 'leasehold-demo-'));
  const server = authority.issueServer();
  const admin = authority.issueClient({ commonName: demoAdmin });
  const write = (name: string, text: string) => {
    const file = join(folder, name);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  };
  return {
    folder,
    onMemory: memory !== undefined,
    ca: write('ca.pem', authority.certificate),
    serverCertificate: write('server.pem', server.certificate),
    serverKey: write('server-key.pem', server.key),
    adminCertificate: write('admin.pem', admin.certificate),
    adminKey: write('admin-key.pem', admin.key),
    ledger: join(folder, 'ledger.sqlite'),
    audit: join(folder, 'audit.log'),
    auditKey: join(folder, 'audit-public.pem'),
    auditHeads: join(folder, 'audit-heads.jsonl'),
  };
}

/** A sidecar's configuration, its token and its target folder. */
export function writeSidecarFiles(
  files: DemoFiles,
  pod: { readonly name: string; readonly token: string; readonly broker: string; readonly bundle: string },
): { readonly config: string; readonly target: string } {
  const target = join(files.folder, pod.name, 'secrets');
  mkdirSync(target, { recursive: true, mode: 0o700 });
  const token = join(files.folder, pod.name, 'token');
  writeFileSync(token, pod.token, { mode: 0o600 });
  const config = join(files.folder, pod.name, 'sidecar.yaml');
  writeFileSync(
    config,
    stringify({
      broker: { address: pod.broker, ca: files.ca, serverName: 'localhost' },
      credential: token,
      target,
      bundles: [{ name: pod.bundle }],
      ...(files.onMemory ? {} : { allowDisk: true }),
    }),
  );
  return { config, target };
}
