import { generateKeyPairSync, randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { slurmConf } from '../../../src/demo/slurm/slurm-conf.ts';
import { createTestCa, type TestCa } from '../../support/certificates.ts';
import type { SlurmBroker } from '../../support/slurm-broker.ts';

/** What sites write for the units, below the folder that stands for a machine. */

/** The user that the package has made, as numbers. */
export function brokerUser(root: string): { readonly uid: number; readonly gid: number } {
  const [, uid = '', gid = ''] =
    /^leasehold:[^:]*:(\d+):(\d+):/m.exec(readFileSync(join(root, 'etc/passwd'), 'utf8')) ?? [];
  return { uid: Number(uid), gid: Number(gid) };
}

function write(
  root: string,
  path: string,
  text: string,
  of: { readonly mode: number; readonly uid?: number; readonly gid?: number },
) {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, of.mode);
  chownSync(file, of.uid ?? 0, of.gid ?? 0);
}

/** There is no journal. */
function logTo(root: string, part: string): void {
  const text = `[Service]\nStandardError=append:/var/${part}.log\n`;
  write(root, `etc/systemd/system/leasehold-${part}.service.d/log.conf`, text, { mode: 0o644 });
}

/** Of a broker without a backend, which is away. What it logs in with there is root's alone. Its CA. */
export function writeBrokerSite(root: string): TestCa {
  const { gid } = brokerUser(root);
  const ca = createTestCa();
  const server = ca.issueServer();
  const own = (name: string, text: string) =>
    write(root, `etc/leasehold/broker/${name}`, text, { mode: 0o640, gid });
  own('tls.crt', server.certificate);
  own('tls.key', server.key);
  own('ca.crt', ca.certificate);
  own('audit.key', 'sixteen bytes and more');
  own('signer.jwks', '{"keys":[]}');
  own('policy.yaml', 'bundles: {}\ngrants: []\n');
  own('role-id', 'role');
  const tls = 'tls: { certificate: tls.crt, key: tls.key';
  own(
    'broker.yaml',
    `
trustDomain: example.org
workloads: { listen: 127.0.0.1:8443, ${tls} } }
admin:
  listen: 127.0.0.1:8444
  ${tls}, clientCa: ca.crt }
  clients: [{ name: ada, commonName: ada, rights: [view] }]
nodes: { listen: 127.0.0.1:8445, ${tls}, clientCa: ca.crt } }
http: { listen: 127.0.0.1:9090 }
clusters: []
slurm: [{ name: hpc, audience: leasehold, keys: { file: signer.jwks } }]
policy: { file: policy.yaml }
backend:
  vault:
    address: http://127.0.0.1:8200
    auth:
      appRole: { roleIdFile: role-id, secretIdFile: /run/credentials/leasehold-broker.service/secret-id }
ledger: { sqlite: { file: /var/lib/leasehold/ledger.sqlite } }
audit: { file: /var/log/leasehold/audit.log, hmacKeyFile: audit.key }
`,
  );
  write(root, 'etc/leasehold/broker/vault/secret-id', 'secret', { mode: 0o600 });
  const shipped = join(root, 'usr/share/doc/leasehold/examples/leasehold-broker-login.conf');
  const dropIn = 'etc/systemd/system/leasehold-broker.service.d/login.conf';
  write(root, dropIn, readFileSync(shipped, 'utf8'), { mode: 0o644 });
  logTo(root, 'broker');
  return ca;
}

/** Of cluster hpc, at that broker: a whole Slurm of one node, n1, whose controller runs the hook of the package. `slurm` is SlurmUser. */
export function writeControllerSite(
  root: string,
  ca: TestCa,
  slurm: { readonly uid: number; readonly gid: number },
): void {
  const folder = '/var/slurm';
  const { uid, gid } = slurm;
  // Slurm has to find the names of who submits.
  const accounts = {
    passwd: `root:x:0:0::/root:/bin/sh\ngames:x:5:60::/:/bin/sh\nslurm:x:${uid}:${gid}::/:/bin/sh\n`,
    group: `root:x:0:\ngames:x:60:\nslurm:x:${gid}:\n`,
  };
  for (const [file, more] of Object.entries(accounts))
    write(root, `etc/${file}`, `${readFileSync(join(root, 'etc', file), 'utf8')}${more}`, { mode: 0o644 });
  const own = { uid, gid, mode: 0o600 };
  const pair = ca.issueClient({ commonName: 'signer', uri: 'spiffe://example.org/slurm/hpc/signer' });
  const signing = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
  write(root, 'etc/leasehold/ca.pem', ca.certificate, { mode: 0o644 });
  write(root, 'etc/leasehold/signer.crt', pair.certificate, own);
  write(root, 'etc/leasehold/signer.key', pair.key, own);
  write(root, 'etc/leasehold/signing.pem', signing, own);
  const example = readFileSync(join(root, 'usr/share/doc/leasehold/examples/signer.yaml'), 'utf8');
  const config = `${example.replace(/addresses: .*/, "addresses: ['127.0.0.1:8445']")}reconcile: 1s\n`;
  write(root, 'etc/leasehold/signer.yaml', config, { mode: 0o644 });
  logTo(root, 'signer');

  const hooks = readFileSync(join(root, 'usr/share/doc/leasehold/examples/slurm.conf'), 'utf8');
  const conf = slurmConf({
    name: 'hpc',
    folder,
    slurmUser: 'slurm',
    controllerPort: 6817,
    controllers: [hostname()],
    nodes: [{ node: 'n1', port: 6818 }],
    lines: hooks.split('\n').filter((line) => /^(Prolog|Epilog)Slurmctld=/.test(line)),
  });
  write(root, 'etc/slurm/slurm.conf', conf, { mode: 0o644 });
  write(root, 'etc/slurm/cgroup.conf', 'CgroupPlugin=cgroup/v1\n', { mode: 0o644 });
  write(root, 'etc/munge/munge.key', randomBytes(128).toString('latin1'), { mode: 0o600 });
  write(root, 'etc/hosts', `127.0.0.1 localhost ${hostname()}\n`, { mode: 0o644 });
  // Debian's names for them lead through this folder.
  const alternatives = join(root, 'etc/alternatives');
  mkdirSync(alternatives, { recursive: true });
  for (const name of ['slurmctld', 'slurmd', 'slurmstepd'])
    symlinkSync(realpathSync(`/usr/sbin/${name}`), join(alternatives, name));
  const munge = ['socket', 'pid-file', 'log-file', 'seed-file'].map(
    (option) => `--${option}=${folder}/munge/${option.replace('-file', '')}`,
  );
  const unit = (name: string, order: string, ...starts: readonly string[]) =>
    write(root, `etc/systemd/system/${name}.service`, `[Unit]\n${order}\n[Service]\n${starts.join('\n')}\n`, {
      mode: 0o644,
    });
  const folders = ['munge', 'state', 'spool', 'log', 'out'].map((name) => `${folder}/${name}`);
  unit(
    'munge',
    'Description=munged',
    `ExecStartPre=/bin/sh -c 'mkdir -p -m 0755 ${folders.join(' ')}; chown slurm ${folder}/state ${folder}/log; chmod 1777 ${folder}/out'`,
    `ExecStart=/usr/sbin/munged --foreground --force --key-file=/etc/munge/munge.key ${munge.join(' ')}`,
  );
  unit('slurmctld', 'Requires=munge.service\nAfter=munge.service', 'ExecStart=/usr/sbin/slurmctld -D -i');
  unit('slurmd', 'Requires=munge.service\nAfter=munge.service', 'ExecStart=/usr/sbin/slurmd -D -N n1');
}

/** In place of Slurm's: a process that says that it runs, behind the drop-in that the package brings. */
export function writeSlurmd(root: string): void {
  const unit = `[Service]\nExecStart=/bin/sh -c 'echo started >>/var/slurmd.log; exec sleep infinity'\n`;
  write(root, 'etc/systemd/system/slurmd.service', unit, { mode: 0o644 });
  const shipped = join(root, 'usr/share/doc/leasehold/examples/leasehold-slurmd.conf');
  const dropIn = 'etc/systemd/system/slurmd.service.d/leasehold.conf';
  write(root, dropIn, readFileSync(shipped, 'utf8'), { mode: 0o644 });
}

/** Of node n1 of cluster hpc. Without a certificate it is one that enrols; without a broker's, that broker is away. */
export function writeNodeSite(
  root: string,
  options: {
    readonly isCertified?: boolean;
    readonly broker?: Pick<SlurmBroker, 'ca' | 'nodeCertificate'>;
  } = {},
): void {
  const { isCertified = true, broker } = options;
  const ca = broker?.ca ?? createTestCa();
  const uri = 'spiffe://example.org/slurm/hpc/node/n1';
  const node = broker?.nodeCertificate('n1') ?? ca.issueClient({ commonName: 'n1', uri });
  if (isCertified) {
    write(root, 'etc/leasehold/node/tls.crt', node.certificate, { mode: 0o644 });
    write(root, 'etc/leasehold/node/tls.key', node.key, { mode: 0o600 });
  }
  write(root, 'etc/leasehold/ca.pem', ca.certificate, { mode: 0o644 });
  const folder = '/etc/leasehold';
  write(
    root,
    'etc/leasehold/node-agent.yaml',
    `broker: { address: "127.0.0.1:8445", ca: ${folder}/ca.pem }
certificate: ${folder}/node/tls.crt
key: ${folder}/node/tls.key
${isCertified ? '' : `enrolment: { address: "127.0.0.1:8443", tokenFile: ${folder}/node/token }\n`}`,
    { mode: 0o644 },
  );
  logTo(root, 'node-agent');
}
