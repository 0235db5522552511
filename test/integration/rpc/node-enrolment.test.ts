import { createPrivateKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { checkSetup } from '../../../src/backend/setup/check-setup.ts';
import { pkiRole } from '../../../src/backend/setup/pki-role.ts';
import { Secret } from '../../../src/platform/secret.ts';
import { composeBroker } from '../../../src/broker/compose.ts';
import { loadBrokerConfig } from '../../../src/broker/config.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { createTestCa } from '../../support/certificates.ts';
import { createTempFolder } from '../../support/temp-folder.ts';
import { parseRecordText } from '../../../src/audit/record.ts';
import {
  makeCertificateRequest,
  parseCertificateRequest,
} from '../../../src/platform/certificate-request.ts';
import { type ErrorCode, hasCode } from '../../../src/platform/error.ts';
import { createAdminClient } from '../../../src/rpc/client/admin-client.ts';
import { certifyNode } from '../../../src/rpc/client/certify-node.ts';
import { fetchRunMatchers } from '../../../src/rpc/client/fetch-matchers.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { type RealNodeAuthority, startNodeAuthority } from '../../support/node-authority.ts';
import { describeVaults, describeWith } from '../../support/require.ts';
import { type SlurmBroker, startSlurmBroker } from '../../support/slurm-broker.ts';

const signal = AbortSignal.timeout(1_800_000);
const timeoutMs = 60_000;
const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const pem = (key: KeyObject) => Buffer.from(key.export({ type: 'pkcs8', format: 'pem' }));

let broker: SlurmBroker;
const serverCa = () => Buffer.from(broker.ca.certificate);

/** As a node without a certificate. */
const enrol = (token: Uint8Array, request: Uint8Array, address = broker.workloads) =>
  certifyNode({ endpoint: { address, ca: serverCa() }, token, request, timeoutMs, signal });
/** As a node that has one. */
const renew = (
  clientCertificate: { readonly certificate: Buffer; readonly key: Buffer },
  request: Uint8Array,
  token: Uint8Array = new Uint8Array(0),
) =>
  certifyNode({
    endpoint: { address: broker.nodes, ca: serverCa(), clientCertificate },
    token,
    request,
    timeoutMs,
    signal,
  });
const anAdmin = (commonName = 'ada') => {
  const person = broker.ca.issueClient({ commonName });
  return createAdminClient({
    endpoint: {
      address: broker.admin,
      ca: serverCa(),
      clientCertificate: { certificate: Buffer.from(person.certificate), key: Buffer.from(person.key) },
    },
    clock: systemClock,
    random: Math.random,
  });
};
const aToken = async (node = 'n1'): Promise<Buffer> => {
  await using admin = anAdmin();
  const { tokens } = await admin.makeEnrolmentTokens(
    { cluster: 'hpc', nodes: [node], ttlSeconds: 600 },
    signal,
  );
  return tokens[0]?.token ?? Buffer.alloc(0);
};
const records = async () =>
  (await readFile(broker.auditFile, 'utf8'))
    .split('\n')
    .flatMap((line) => parseRecordText(line) ?? [])
    .filter(
      ({ action, code }) => code !== 'overloaded' && (action.startsWith('enrol') || action === 'node_key'),
    )
    .map(({ action, outcome, code, node, peer }) => [action, outcome, code, node ?? peer]);
const codeOf = async (call: Promise<unknown>): Promise<ErrorCode | undefined> => {
  const error: unknown = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return hasCode(error, 'internal') || error === undefined ? undefined : (error as { code: ErrorCode }).code;
};

describe('a broker that enrols no nodes', () => {
  beforeEach(async () => {
    broker = await startSlurmBroker();
  });
  afterEach(() => broker[Symbol.asyncDispose]());

  it('says so, to administrators, to who has a token and to who has a certificate', async () => {
    expect(await codeOf(aToken())).toBe('enrolment_off');
    const request = makeCertificateRequest(newKey());
    expect(await codeOf(enrol(Buffer.from('token'), request))).toBe('enrolment_off');
    const node = broker.nodeCertificate('n1');
    const pair = { certificate: Buffer.from(node.certificate), key: Buffer.from(node.key) };
    expect(await codeOf(renew(pair, request))).toBe('enrolment_off');
  });
});

describeVaults(
  [],
  (title) => `enrolment at a broker with a real ${title}`,
  (product) => {
    let real: RealNodeAuthority;
    beforeAll(async () => {
      real = await startNodeAuthority({ product });
    });
    afterAll(() => real[Symbol.asyncDispose]());
    beforeEach(async () => {
      broker = await startSlurmBroker({ authority: real.authority });
    });
    afterEach(() => broker[Symbol.asyncDispose]());

    it('refuses what is no token, no request, or too large, to a caller without a certificate', async () => {
      const request = makeCertificateRequest(newKey());
      expect(await codeOf(enrol(Buffer.from('guess'), request))).toBe('enrolment_refused');
      expect(await codeOf(enrol(await aToken(), Buffer.from('request')))).toBe('request_invalid');
      expect(await codeOf(enrol(Buffer.alloc(5 * 1024 * 1024), request))).toBe('request_invalid');
      expect(await records()).toEqual([
        ['enrol', 'refused', 'enrolment_refused', '127.0.0.1'],
        ['enrol_token', 'ok', undefined, 'hpc/n1'],
        ['enrol', 'refused', 'request_invalid', '127.0.0.1'],
      ]);
    });

    it('lets nobody take a token to the listener for nodes, nor come there without a certificate', async () => {
      const [token, key] = [await aToken(), newKey()];
      const request = makeCertificateRequest(key);
      expect(await codeOf(enrol(token, request, broker.nodes))).toBe('broker_unavailable');
      const node = broker.nodeCertificate('n2');
      const pair = { certificate: Buffer.from(node.certificate), key: Buffer.from(node.key) };
      expect(await codeOf(renew(pair, request, token))).toBe('request_invalid');
      expect((await enrol(token, request)).toString()).toContain('BEGIN CERTIFICATE');
    });

    it('makes a certificate that the listener for nodes takes, to one key for a token, and does not renew it before its time', async () => {
      const [token, key] = [await aToken(), newKey()];
      const request = makeCertificateRequest(key);
      const certificate = await enrol(token, request);
      const leaf = new X509Certificate(certificate);
      expect(leaf.subjectAltName).toBe('URI:spiffe://test/slurm/hpc/node/n1');
      expect(leaf.verify(new X509Certificate(real.authority.root).publicKey)).toBe(true);
      const lifeSeconds = (Date.parse(leaf.validTo) - Date.now()) / 1000;
      expect(lifeSeconds).toBeGreaterThan(3_000);
      expect(lifeSeconds).toBeLessThanOrEqual(3_600);
      // Its answer may have been lost.
      await vi.waitFor(
        async () => expect((await enrol(token, request)).toString()).toContain('BEGIN CERTIFICATE'),
        { timeout: 30_000, interval: 500 },
      );
      expect(await codeOf(enrol(token, makeCertificateRequest(newKey())))).toBe('enrolment_spent');
      const clientCertificate = { certificate, key: pem(key) };
      const endpoint = { address: broker.nodes, ca: serverCa(), clientCertificate };
      const { matchers } = await fetchRunMatchers({ endpoint, timeoutMs, signal });
      expect(matchers.flatMap(({ partitions }) => partitions)).toContain('gpu');
      expect(await codeOf(renew(clientCertificate, request))).toBe('request_invalid');
      expect(await records()).toEqual([
        ['enrol_token', 'ok', undefined, 'hpc/n1'],
        ['enrol', 'ok', undefined, 'hpc/n1'],
        ['enrol', 'ok', undefined, 'hpc/n1'],
        ['enrol', 'refused', 'enrolment_spent', 'hpc/n1'],
        ['enrol', 'refused', 'request_invalid', 'hpc/n1'],
      ]);
    });

    it('takes back a token that no node has used, and no other, and shows what became of each', async () => {
      const reason = 'overlay was readable';
      await using stranger = anAdmin('eve');
      await using admin = anAdmin();
      const [lost, key] = [await aToken(), newKey()];
      const request = makeCertificateRequest(key);
      await enrol(await aToken('n2'), request);
      const withdraw = (node: string, by = admin) =>
        codeOf(by.withdrawEnrolmentTokens({ cluster: 'hpc', node, reason }, signal));
      expect(await withdraw('n1', stranger)).toBe('admin_unauthenticated');
      expect(await withdraw('n9')).toBe('enrolment_unknown');
      expect(await withdraw('n2')).toBe('enrolment_used');
      const list = async () => {
        const all = [];
        for await (const { node, state, by, key } of admin.listEnrolmentTokens({ cluster: 'hpc' }, signal))
          all.push([node, state, by, key]);
        return all;
      };
      const digest = parseCertificateRequest(request).key;
      expect(await list()).toEqual([
        ['n1', 'unused', 'admin:ada', ''],
        ['n2', 'spent', 'admin:ada', digest],
      ]);
      expect(await withdraw('n1')).toBeUndefined();
      expect(await codeOf(enrol(lost, request))).toBe('enrolment_refused');
      const another = await aToken('n3');
      expect(await admin.withdrawEnrolmentTokens({ cluster: 'hpc', all: true, reason }, signal)).toEqual([
        'n3',
      ]);
      expect(await codeOf(enrol(another, request))).toBe('enrolment_refused');
      expect(await list()).toEqual([['n2', 'spent', 'admin:ada', digest]]);
      expect((await records()).slice(3)).toEqual([
        ['enrol_token_withdraw', 'refused', 'enrolment_unknown', 'hpc/n9'],
        ['enrol_token_withdraw', 'refused', 'enrolment_used', 'hpc/n2'],
        ['enrol_token_withdraw', 'ok', undefined, 'hpc/n1'],
        ['enrol', 'refused', 'enrolment_refused', '127.0.0.1'],
        ['enrol_token', 'ok', undefined, 'hpc/n3'],
        ['enrol_token_withdraw', 'ok', undefined, undefined],
        ['enrol_token_withdraw', 'ok', undefined, 'hpc/n3'],
      ]);
    });

    it('renews a certificate of the site for the same key, and a later key of another certificate is the alarm', async () => {
      const node = broker.nodeCertificate('n1', { notBefore: new Date(Date.now() - 48 * 3_600_000) });
      const pair = { certificate: Buffer.from(node.certificate), key: Buffer.from(node.key) };
      const request = makeCertificateRequest(createPrivateKey(node.key));
      const renewed = await renew(pair, request);
      expect(new X509Certificate(renewed).subjectAltName).toBe('URI:spiffe://test/slurm/hpc/node/n1');
      const other = broker.nodeCertificate('n1', { notBefore: new Date(Date.now() - 49 * 3_600_000) });
      const stolen = { certificate: Buffer.from(other.certificate), key: Buffer.from(other.key) };
      const ofOther = makeCertificateRequest(createPrivateKey(other.key));
      expect(await codeOf(renew(stolen, ofOther))).toBe('node_other_key');
      expect(await codeOf(renew(pair, ofOther))).toBe('node_other_key');
      expect(await records()).toEqual([
        ['enrol', 'ok', undefined, 'hpc/n1'],
        ['node_key', 'refused', 'node_other_key', 'hpc/n1'],
        ['enrol', 'refused', 'node_other_key', 'hpc/n1'],
      ]);
    });

    it('signs nothing while Vault is sealed, and the token is good afterwards', async () => {
      const [token, key] = [await aToken(), newKey()];
      const request = makeCertificateRequest(key);
      await real.vault.seal();
      expect(await codeOf(enrol(token, request))).toBe('backend_sealed');
      await real.vault.unseal();
      expect((await enrol(token, request)).toString()).toContain('BEGIN CERTIFICATE');
      expect((await records()).slice(1)).toEqual([
        ['enrol', 'failed', 'backend_sealed', 'hpc/n1'],
        ['enrol', 'ok', undefined, 'hpc/n1'],
      ]);
    });

    it('has a token at Vault that signs for nodes of its clusters and for nothing else', async () => {
      const { signer, mount, role } = real.authority;
      const request = makeCertificateRequest(newKey());
      const pemOf = `-----BEGIN CERTIFICATE REQUEST-----\n${request.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
      const asked = {
        mount,
        role,
        request: pemOf,
        uri: 'spiffe://test/slurm/hpc/node/n1',
        ttlSeconds: 3_600,
        signal,
      };
      for (const wrong of [
        { uri: 'spiffe://test/slurm/hpc/signer' },
        { uri: 'spiffe://test/slurm/east/node/n1' },
        { uri: 'spiffe://other/slurm/hpc/node/n1' },
        { uri: 'spiffe://test/slurm/hpc/node/n1,spiffe://test/slurm/hpc/signer' },
        { ttlSeconds: 7_200 },
        { role: 'other' },
      ])
        expect([wrong, await codeOf(signer.signCertificate({ ...asked, ...wrong }))]).toEqual([
          wrong,
          expect.stringMatching(/^backend_(denied|rejected)$/),
        ]);
      expect((await signer.signCertificate(asked)).certificate).toContain('BEGIN CERTIFICATE');
    });

    it('is what setup check wants of Vault, to the last field', async () => {
      const { mount, role, certificateSeconds } = real.authority;
      const enrolment = { mount, role, certificateSeconds, trustDomain: 'test', clusters: ['hpc'] };
      const { path, fields } = pkiRole(enrolment);
      const check = async () =>
        (
          await checkSetup({
            address: real.vault.address,
            operatorToken: Secret.ofText(real.vault.rootToken),
            bundles: [],
            probationSeconds: 60,
            enrolment,
            clock: systemClock,
            signal,
          })
        )
          .filter(({ subject }) => subject === `PKI role ${path}`)
          .map(({ problem }) => problem);
      expect(await check()).toEqual([]);
      const wrong: Readonly<Record<string, unknown>> = {
        allowed_uri_sans: ['*'],
        use_csr_sans: true,
        server_flag: true,
        key_type: 'any',
        key_usage: ['CertSign'],
        max_ttl: '8000h',
        ext_key_usage: ['ServerAuth'],
      };
      for (const [field, value] of Object.entries(wrong)) {
        await real.vault.call('POST', path, { ...fields, [field]: value });
        expect([field, await check()]).toEqual([
          field,
          expect.arrayContaining([expect.stringMatching(new RegExp(`^${field} must be`))]),
        ]);
      }
      await real.vault.call('DELETE', path);
      expect(await check()).toEqual(['does not exist']);
      await real.vault.call('POST', path, fields);
      expect(await check()).toEqual([]);
    });
  },
);

describeWith(['vault'], 'a broker as it is configured', () => {
  it('enrols nodes through the PKI engine that its configuration names', async () => {
    await using real = await startNodeAuthority();
    await using folder = await createTempFolder({ name: 'enrolling-broker' });
    const ca = createTestCa();
    const server = ca.issueServer();
    const files: Readonly<Record<string, string>> = {
      'tls.crt': server.certificate,
      'tls.key': server.key,
      'ca.crt': ca.certificate,
      'nodes-ca.crt': real.authority.root,
      'signer.jwks': '{"keys":[]}',
      'policy.yaml': 'bundles: {}\ngrants: []\n',
      'audit.key': 'sixteen bytes and more',
      'broker.yaml': `
trustDomain: test
workloads: { listen: 127.0.0.1:0, tls: { certificate: tls.crt, key: tls.key } }
admin:
  listen: 127.0.0.1:0
  tls: { certificate: tls.crt, key: tls.key, clientCa: ca.crt }
  clients: [{ name: ada, commonName: ada, rights: [enrol] }]
nodes:
  listen: 127.0.0.1:0
  tls: { certificate: tls.crt, key: tls.key, clientCa: nodes-ca.crt }
  enrolment: { mount: pki-nodes, role: leasehold-node, certificateSeconds: 3600 }
http: { listen: 127.0.0.1:0 }
clusters: []
slurm: [{ name: hpc, audience: leasehold, keys: { file: signer.jwks } }]
policy: { file: policy.yaml }
backend: { vault: { address: "${real.vault.address}", auth: { tokenFile: ${real.tokenFile} } } }
ledger: { sqlite: { file: ledger.sqlite } }
audit: { file: audit.log, hmacKeyFile: audit.key }
`,
    };
    for (const [name, text] of Object.entries(files))
      await writeFile(join(folder.path, name), text, { mode: 0o600 });
    const config = await loadBrokerConfig(join(folder.path, 'broker.yaml'));
    await using composed = await composeBroker({ config, clock: systemClock, log: silentLog });
    const trusted = Buffer.from(ca.certificate);
    const ada = ca.issueClient({ commonName: 'ada' });
    await using admin = createAdminClient({
      endpoint: {
        address: composed.admin,
        ca: trusted,
        clientCertificate: { certificate: Buffer.from(ada.certificate), key: Buffer.from(ada.key) },
      },
      clock: systemClock,
      random: Math.random,
    });
    const made = await admin.makeEnrolmentTokens({ cluster: 'hpc', nodes: ['n7'], ttlSeconds: 600 }, signal);
    const key = newKey();
    const certificate = await certifyNode({
      endpoint: { address: composed.workloads, ca: trusted },
      token: made.tokens[0]?.token ?? expect.unreachable(),
      request: makeCertificateRequest(key),
      timeoutMs,
      signal,
    });
    expect(new X509Certificate(certificate).subjectAltName).toBe('URI:spiffe://test/slurm/hpc/node/n7');
    const clientCertificate = { certificate, key: pem(key) };
    const endpoint = { address: composed.nodes ?? '', ca: trusted, clientCertificate };
    expect((await fetchRunMatchers({ endpoint, timeoutMs, signal })).matchers).toEqual([]);
  });
});
