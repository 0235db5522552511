import { generateKeyPair } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { KeyAndCertificate, TestCa } from '../certificates.ts';
import { createTestCa } from '../certificates.ts';

/** Which signature the cluster's service-account tokens carry: RS256 as kubeadm sets it up, or ES256. */
export type TokenKeyKind = 'rsa' | 'ec';

/** Everything a control plane reads from its folder. */
export interface KubernetesFiles {
  readonly ca: TestCa;
  readonly admin: KeyAndCertificate;
  readonly caFile: string;
  readonly serverCertificateFile: string;
  readonly serverKeyFile: string;
  readonly tokenKeyFile: string;
  readonly tokenPublicKeyFile: string;
  readonly kubeconfigFile: string;
}

const generate = promisify(generateKeyPair);

const makeTokenKey = (kind: TokenKeyKind) =>
  kind === 'rsa' ? generate('rsa', { modulusLength: 2048 }) : generate('ec', { namedCurve: 'P-256' });

const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');

const kubeconfig = (server: string, ca: TestCa, admin: KeyAndCertificate): string =>
  // JSON is YAML, so kubectl and every client read it.
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority-data': base64(ca.certificate) } }],
    users: [
      {
        name: 'admin',
        user: {
          'client-certificate-data': base64(admin.certificate),
          'client-key-data': base64(admin.key),
        },
      },
    ],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    'current-context': 'test',
  });

/** Writes a new authority, certificates, token keys and an administrator's kubeconfig for the server at that URL. */
export const writeKubernetesFiles = async (options: {
  readonly folder: string;
  readonly server: string;
  readonly tokenKey: TokenKeyKind;
}): Promise<KubernetesFiles> => {
  const ca = createTestCa();
  const names = ['127.0.0.1', 'localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];
  const server = ca.issueServer({ names });
  // The built-in administrators' group: needs no role binding.
  const admin = ca.issueClient({ commonName: 'admin', organization: 'system:masters' });
  const tokenKey = await makeTokenKey(options.tokenKey);
  const write = async (name: string, text: string) => {
    const path = join(options.folder, name);
    await writeFile(path, text, { mode: 0o600 });
    return path;
  };
  return {
    ca,
    admin,
    caFile: await write('ca.pem', ca.certificate),
    serverCertificateFile: await write('server.pem', server.certificate),
    serverKeyFile: await write('server-key.pem', server.key),
    tokenKeyFile: await write('token-key.pem', tokenKey.privateKey.export({ type: 'pkcs8', format: 'pem' })),
    tokenPublicKeyFile: await write(
      'token-public-key.pem',
      tokenKey.publicKey.export({ type: 'spki', format: 'pem' }),
    ),
    kubeconfigFile: await write('kubeconfig', kubeconfig(options.server, ca, admin)),
  };
};
